/** A (RFC 1035 §3.4.1) and AAAA (RFC 3596 §2.2). */
import { addressBytes, formatAddressBytes } from "../../base/address.ts";
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { RecordTextError, type TextWords } from "./text-words.ts";

export interface AData {
  readonly kind: "a";
  /** Four bytes. */
  readonly address: Uint8Array;
}

export interface AaaaData {
  readonly kind: "aaaa";
  /** Sixteen bytes. */
  readonly address: Uint8Array;
}

export const aCodec: RecordCodec<AData> = {
  decode: (reader: RdataReader) => ({ kind: "a", address: reader.bytes(4) }),
  encode: (data: AData, writer: MessageWriter) => writer.bytes(data.address),
  toText: (data: AData) => formatAddressBytes(data.address, 0, 4),
  fromText: (words: TextWords) => ({ kind: "a", address: addressFromText(words, 4) }),
};

export const aaaaCodec: RecordCodec<AaaaData> = {
  decode: (reader: RdataReader) => ({ kind: "aaaa", address: reader.bytes(16) }),
  encode: (data: AaaaData, writer: MessageWriter) => writer.bytes(data.address),
  toText: (data: AaaaData) => formatAddressBytes(data.address, 0, 16),
  fromText: (words: TextWords) => ({ kind: "aaaa", address: addressFromText(words, 16) }),
};

function addressFromText(words: TextWords, length: 4 | 16): Uint8Array {
  const text = words.word("address");
  const bytes = text.includes("%") ? undefined : addressBytes(text);
  if (bytes?.length !== length) {
    throw new RecordTextError(`${JSON.stringify(text)} is no IPv${length === 4 ? 4 : 6} address`);
  }
  return bytes;
}
