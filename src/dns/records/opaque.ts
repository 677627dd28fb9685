/** Data of a type that nobody here knows, or that is not of its type's form: bytes (RFC 3597 §5). */
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { hexText } from "./encodings.ts";
import { RecordTextError, type TextWords } from "./text-words.ts";

export interface OpaqueData {
  readonly kind: "opaque";
  readonly bytes: Uint8Array;
}

/** What generic data begins with, in text. */
export const GENERIC_MARK = "\\#";

export const opaqueCodec: RecordCodec<OpaqueData> = {
  decode: (reader: RdataReader) => ({ kind: "opaque", bytes: reader.rest() }),
  encode: (data: OpaqueData, writer: MessageWriter) => writer.bytes(data.bytes),
  toText: (data: OpaqueData) => `${GENERIC_MARK} ${data.bytes.length} ${hexText(data.bytes)}`.trimEnd(),
  fromText: (words: TextWords) => {
    if (words.word("data") !== GENERIC_MARK) {
      throw new RecordTextError(`data of a type without a text form is written ${GENERIC_MARK} length hexadecimal`);
    }
    const length = words.integer("length", 0xffff);
    const bytes = words.hexRest();
    if (bytes.length !== length) throw new RecordTextError(`${length} bytes announced, ${bytes.length} given`);
    return { kind: "opaque", bytes };
  },
};
