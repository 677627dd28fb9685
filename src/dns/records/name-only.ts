/** Types whose data is one name: CNAME, NS, PTR and old ones (RFC 1035 §3.3), DNAME (RFC 6672 §2.1). */
import type { MessageWriter } from "../message-writer.ts";
import { nameToText } from "../name-text.ts";
import type { RdataReader } from "../rdata-reader.ts";
import { TYPE_DNAME } from "../types.ts";
import type { RecordCodec } from "./codec.ts";
import type { TextWords } from "./text-words.ts";

export interface NameData {
  readonly kind: "name";
  /** Wire form. */
  readonly name: Uint8Array;
}

export const nameCodec: RecordCodec<NameData> = {
  decode: (reader: RdataReader) => ({ kind: "name", name: reader.name() }),
  encode: (data: NameData, writer: MessageWriter, type: number) => {
    if (type === TYPE_DNAME) writer.plainName(data.name);
    else writer.name(data.name);
  },
  toText: (data: NameData) => nameToText(data.name),
  fromText: (words: TextWords) => ({ kind: "name", name: words.name("name") }),
};
