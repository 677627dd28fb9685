/** NSEC (RFC 4034 §4). */
import type { MessageWriter } from "../message-writer.ts";
import { nameToText } from "../name-text.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { readTypeBitmap, typesFromText, typesText, writeTypeBitmap } from "./type-bitmap.ts";
import type { TextWords } from "./text-words.ts";

export interface NsecData {
  readonly kind: "nsec";
  /** Next owner in canonical order; wire form. */
  readonly next: Uint8Array;
  /** Ascending. */
  readonly types: readonly number[];
}

export const nsecCodec: RecordCodec<NsecData> = {
  decode: (reader: RdataReader) => ({ kind: "nsec", next: reader.plainName(), types: readTypeBitmap(reader) }),
  encode: (data: NsecData, writer: MessageWriter) => {
    writer.plainName(data.next);
    writeTypeBitmap(data.types, writer);
  },
  toText: (data: NsecData) => nameToText(data.next) + typesText(data.types),
  fromText: (words: TextWords) => ({ kind: "nsec", next: words.name("next name"), types: typesFromText(words) }),
};
