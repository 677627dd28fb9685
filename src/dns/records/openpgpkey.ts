/** OPENPGPKEY (RFC 7929 §2) and DHCID (RFC 4701 §3): bytes, written as base64. */
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { base64Text } from "./encodings.ts";
import type { TextWords } from "./text-words.ts";

export interface OpenpgpkeyData {
  readonly kind: "openpgpkey";
  readonly key: Uint8Array;
}

export const openpgpkeyCodec: RecordCodec<OpenpgpkeyData> = {
  decode: (reader: RdataReader) => ({ kind: "openpgpkey", key: reader.rest() }),
  encode: (data: OpenpgpkeyData, writer: MessageWriter) => writer.bytes(data.key),
  toText: (data: OpenpgpkeyData) => base64Text(data.key),
  fromText: (words: TextWords) => ({ kind: "openpgpkey", key: words.base64Rest() }),
};
