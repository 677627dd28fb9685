/** NSEC3 (RFC 5155 §3) and NSEC3PARAM (§4). */
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { base32HexBytes, base32HexText, hexBytes, hexText } from "./encodings.ts";
import { readTypeBitmap, typesFromText, typesText, writeTypeBitmap } from "./type-bitmap.ts";
import { RecordTextError, type TextWords } from "./text-words.ts";
import { MessageError } from "../message-error.ts";

interface HashParameters {
  readonly hashAlgorithm: number;
  readonly flags: number;
  readonly iterations: number;
  /** At most 255 bytes. */
  readonly salt: Uint8Array;
}

export interface Nsec3Data extends HashParameters {
  readonly kind: "nsec3";
  /** Hash of the next owner, 1 to 255 bytes. */
  readonly nextHash: Uint8Array;
  /** Ascending. */
  readonly types: readonly number[];
}

export interface Nsec3ParamData extends HashParameters {
  readonly kind: "nsec3param";
}

function readParameters(reader: RdataReader): HashParameters {
  return {
    hashAlgorithm: reader.u8(),
    flags: reader.u8(),
    iterations: reader.u16(),
    salt: reader.characterString(),
  };
}

function writeParameters(data: HashParameters, writer: MessageWriter): void {
  writer.u8(data.hashAlgorithm);
  writer.u8(data.flags);
  writer.u16(data.iterations);
  writer.characterString(data.salt);
}

function parametersText(data: HashParameters): string {
  return `${data.hashAlgorithm} ${data.flags} ${data.iterations} ${data.salt.length === 0 ? "-" : hexText(data.salt)}`;
}

function parametersFromText(words: TextWords): HashParameters {
  return {
    hashAlgorithm: words.integer("hash algorithm", 255),
    flags: words.integer("flags", 255),
    iterations: words.integer("iterations", 0xffff),
    salt: saltFromText(words.word("salt")),
  };
}

function saltFromText(text: string): Uint8Array {
  const salt = hexBytes(text === "-" ? "" : text);
  if (salt === undefined || salt.length > 255) throw new RecordTextError(`${JSON.stringify(text)} is no salt`);
  return salt;
}

export const nsec3Codec: RecordCodec<Nsec3Data> = {
  decode: (reader: RdataReader) => {
    const parameters = readParameters(reader);
    const nextHash = reader.characterString();
    if (nextHash.length === 0) throw new MessageError("an NSEC3 without a hash");
    return { kind: "nsec3", ...parameters, nextHash, types: readTypeBitmap(reader) };
  },
  encode: (data: Nsec3Data, writer: MessageWriter) => {
    writeParameters(data, writer);
    writer.characterString(data.nextHash);
    writeTypeBitmap(data.types, writer);
  },
  toText: (data: Nsec3Data) => `${parametersText(data)} ${base32HexText(data.nextHash)}${typesText(data.types)}`,
  fromText: (words: TextWords) => ({
    kind: "nsec3",
    ...parametersFromText(words),
    nextHash: hashFromText(words.word("next hash")),
    types: typesFromText(words),
  }),
};

function hashFromText(text: string): Uint8Array {
  const hash = base32HexBytes(text);
  if (hash === undefined || hash.length === 0 || hash.length > 255) {
    throw new RecordTextError(`${JSON.stringify(text)} is no hash`);
  }
  return hash;
}

export const nsec3ParamCodec: RecordCodec<Nsec3ParamData> = {
  decode: (reader: RdataReader) => ({ kind: "nsec3param", ...readParameters(reader) }),
  encode: (data: Nsec3ParamData, writer: MessageWriter) => writeParameters(data, writer),
  toText: (data: Nsec3ParamData) => parametersText(data),
  fromText: (words: TextWords) => ({ kind: "nsec3param", ...parametersFromText(words) }),
};
