/** RRSIG (RFC 4034 §3). */
import type { MessageWriter } from "../message-writer.ts";
import { nameToText } from "../name-text.ts";
import type { RdataReader } from "../rdata-reader.ts";
import { typeName, typeNumber } from "../types.ts";
import type { RecordCodec } from "./codec.ts";
import { base64Text } from "./encodings.ts";
import { RecordTextError, type TextWords } from "./text-words.ts";

export interface RrsigData {
  readonly kind: "rrsig";
  readonly typeCovered: number;
  readonly algorithm: number;
  readonly labels: number;
  readonly originalTtl: number;
  /** Unix seconds modulo 2^32, as the next. */
  readonly expiration: number;
  readonly inception: number;
  readonly keyTag: number;
  /** Wire form. */
  readonly signer: Uint8Array;
  readonly signature: Uint8Array;
}

export const rrsigCodec: RecordCodec<RrsigData> = {
  decode: (reader: RdataReader) => ({
    kind: "rrsig",
    typeCovered: reader.u16(),
    algorithm: reader.u8(),
    labels: reader.u8(),
    originalTtl: reader.u32(),
    expiration: reader.u32(),
    inception: reader.u32(),
    keyTag: reader.u16(),
    signer: reader.plainName(),
    signature: reader.rest(),
  }),
  encode: (data: RrsigData, writer: MessageWriter) => {
    writer.u16(data.typeCovered);
    writer.u8(data.algorithm);
    writer.u8(data.labels);
    writer.u32(data.originalTtl);
    writer.u32(data.expiration);
    writer.u32(data.inception);
    writer.u16(data.keyTag);
    writer.plainName(data.signer);
    writer.bytes(data.signature);
  },
  toText: (data: RrsigData) =>
    `${typeName(data.typeCovered)} ${data.algorithm} ${data.labels} ${data.originalTtl} ` +
    `${timeText(data.expiration)} ${timeText(data.inception)} ${data.keyTag} ${nameToText(data.signer)} ` +
    base64Text(data.signature),
  fromText: (words: TextWords) => ({
    kind: "rrsig",
    typeCovered: typeFromText(words.word("type covered")),
    algorithm: words.integer("algorithm", 255),
    labels: words.integer("labels", 255),
    originalTtl: words.integer("original TTL", 0xffffffff),
    expiration: timeFromText(words.word("expiration")),
    inception: timeFromText(words.word("inception")),
    keyTag: words.integer("key tag", 0xffff),
    signer: words.name("signer"),
    signature: words.base64Rest(),
  }),
};

function typeFromText(text: string): number {
  const type = typeNumber(text);
  if (type === undefined) throw new RecordTextError(`${JSON.stringify(text)} is no type`);
  return type;
}

/** `YYYYMMDDHHmmSS` in UTC (RFC 4034 §3.2). */
function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replaceAll(/[-:T]|\.\d+Z$/g, "");
}

/** Fourteen digits as `timeText` writes them, or up to ten digits of Unix seconds. */
function timeFromText(text: string): number {
  const date = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text);
  if (date === null) {
    if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffffffff) {
      throw new RecordTextError(`${JSON.stringify(text)} is no time`);
    }
    return Number(text);
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = date.slice(1).map(Number);
  return (Date.UTC(year, month - 1, day, hour, minute, second) / 1000) >>> 0;
}
