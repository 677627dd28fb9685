/** LOC (RFC 1876): a place on Earth. */
import { MessageError } from "../message-error.ts";
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { RecordTextError, type TextWords } from "./text-words.ts";

export interface LocData {
  readonly kind: "loc";
  /** Centimetres, as the two precisions: a digit times a power of ten. */
  readonly sizeCm: number;
  readonly horizontalCm: number;
  readonly verticalCm: number;
  /** Thousandths of an arc second, north and east positive; at most 90 and 180 degrees. */
  readonly latitude: number;
  readonly longitude: number;
  /** Centimetres above the WGS 84 ellipsoid, from -10,000,000 on. */
  readonly altitudeCm: number;
}

const EQUATOR = 2 ** 31;
const GROUND_CM = 10_000_000;
const LATITUDE_MAX = 90 * 3_600_000;
const LONGITUDE_MAX = 180 * 3_600_000;

export const locCodec: RecordCodec<LocData> = {
  decode: (reader: RdataReader) => {
    if (reader.u8() !== 0) throw new MessageError("a LOC record of an unknown version");
    const data: LocData = {
      kind: "loc",
      sizeCm: readPrecision(reader),
      horizontalCm: readPrecision(reader),
      verticalCm: readPrecision(reader),
      latitude: reader.u32() - EQUATOR,
      longitude: reader.u32() - EQUATOR,
      altitudeCm: reader.u32() - GROUND_CM,
    };
    if (Math.abs(data.latitude) > LATITUDE_MAX || Math.abs(data.longitude) > LONGITUDE_MAX) {
      throw new MessageError("a LOC record beyond the poles");
    }
    return data;
  },
  encode: (data: LocData, writer: MessageWriter) => {
    writer.u8(0);
    writer.u8(precisionByte(data.sizeCm));
    writer.u8(precisionByte(data.horizontalCm));
    writer.u8(precisionByte(data.verticalCm));
    writer.u32(data.latitude + EQUATOR);
    writer.u32(data.longitude + EQUATOR);
    writer.u32(data.altitudeCm + GROUND_CM);
  },
  toText: (data: LocData) =>
    `${angleText(data.latitude, "N", "S")} ${angleText(data.longitude, "E", "W")} ${metresText(data.altitudeCm)} ` +
    `${metresText(data.sizeCm)} ${metresText(data.horizontalCm)} ${metresText(data.verticalCm)}`,
  fromText: (words: TextWords) => {
    const latitude = angleFromText(words, "N", "S", LATITUDE_MAX);
    const longitude = angleFromText(words, "E", "W", LONGITUDE_MAX);
    const altitudeCm = metresFromText(words.word("altitude"));
    if (altitudeCm < -GROUND_CM || altitudeCm + GROUND_CM > 0xffffffff)
      throw new RecordTextError("altitude out of range");
    return {
      kind: "loc",
      latitude,
      longitude,
      altitudeCm,
      sizeCm: precisionFromText(words, 100),
      horizontalCm: precisionFromText(words, 1_000_000),
      verticalCm: precisionFromText(words, 1_000),
    };
  },
};

/** One byte: a digit and a power of ten. Only one spelling of each value is taken as such. */
function readPrecision(reader: RdataReader): number {
  const byte = reader.u8();
  const centimetres = (byte >> 4) * 10 ** (byte & 15);
  if (byte >> 4 > 9 || (byte & 15) > 9 || precisionByte(centimetres) !== byte) {
    throw new MessageError("a LOC precision that is no digit times a power of ten");
  }
  return centimetres;
}

function precisionByte(centimetres: number): number {
  let digit = centimetres;
  let power = 0;
  while (digit >= 10) {
    digit = Math.floor(digit / 10);
    power++;
  }
  return (digit << 4) | power;
}

function angleText(thousandths: number, positive: string, negative: string): string {
  const all = Math.abs(thousandths);
  const seconds = `${Math.floor(all / 1000) % 60}.${(all % 1000).toString().padStart(3, "0")}`;
  return `${Math.floor(all / 3_600_000)} ${Math.floor(all / 60_000) % 60} ${seconds} ${thousandths < 0 ? negative : positive}`;
}

/** Degrees, then minutes and seconds if given, then the half of the globe. */
function angleFromText(words: TextWords, positive: string, negative: string, max: number): number {
  let thousandths = 0;
  for (const unit of [3_600_000, 60_000, 1000]) {
    const text = words.word("angle");
    const pattern = unit === 1000 ? /^\d{1,2}(?:\.\d{1,3})?$/ : /^\d{1,3}$/;
    if (!pattern.test(text)) throw new RecordTextError(`${JSON.stringify(text)} is no angle`);
    thousandths += Math.round(Number(text) * unit);
    const half = words.peek()?.toUpperCase();
    if (half === positive || half === negative) break;
  }
  const half = words.word(`${positive} or ${negative}`).toUpperCase();
  if ((half !== positive && half !== negative) || thousandths > max) throw new RecordTextError("no place on Earth");
  return half === negative && thousandths !== 0 ? -thousandths : thousandths;
}

function metresText(centimetres: number): string {
  const all = Math.abs(centimetres);
  return `${centimetres < 0 ? "-" : ""}${Math.floor(all / 100)}.${(all % 100).toString().padStart(2, "0")}m`;
}

/** @returns centimetres */
function metresFromText(text: string): number {
  if (!/^-?\d{1,8}(?:\.\d{1,2})?m?$/i.test(text)) throw new RecordTextError(`${JSON.stringify(text)} is no length`);
  const centimetres = Math.round(Number.parseFloat(text) * 100);
  return centimetres === 0 ? 0 : centimetres;
}

/** Rounded down to what the wire can say. */
function precisionFromText(words: TextWords, absentCm: number): number {
  if (words.left === 0) return absentCm;
  const centimetres = metresFromText(words.word("precision"));
  if (centimetres < 0 || centimetres > 9e9) throw new RecordTextError("precision out of range");
  const byte = precisionByte(centimetres);
  return (byte >> 4) * 10 ** (byte & 15);
}
