/** NAPTR (RFC 3403 §4.1). */
import type { MessageWriter } from "../message-writer.ts";
import { nameToText } from "../name-text.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { quotedText, type TextWords } from "./text-words.ts";

export interface NaptrData {
  readonly kind: "naptr";
  readonly order: number;
  readonly preference: number;
  readonly flags: Uint8Array;
  readonly services: Uint8Array;
  readonly regexp: Uint8Array;
  /** Wire form. */
  readonly replacement: Uint8Array;
}

export const naptrCodec: RecordCodec<NaptrData> = {
  decode: (reader: RdataReader) => ({
    kind: "naptr",
    order: reader.u16(),
    preference: reader.u16(),
    flags: reader.characterString(),
    services: reader.characterString(),
    regexp: reader.characterString(),
    replacement: reader.name(),
  }),
  encode: (data: NaptrData, writer: MessageWriter) => {
    writer.u16(data.order);
    writer.u16(data.preference);
    writer.characterString(data.flags);
    writer.characterString(data.services);
    writer.characterString(data.regexp);
    writer.plainName(data.replacement);
  },
  toText: (data: NaptrData) =>
    `${data.order} ${data.preference} ${quotedText(data.flags)} ${quotedText(data.services)} ` +
    `${quotedText(data.regexp)} ${nameToText(data.replacement)}`,
  fromText: (words: TextWords) => ({
    kind: "naptr",
    order: words.integer("order", 0xffff),
    preference: words.integer("preference", 0xffff),
    flags: words.characterString("flags"),
    services: words.characterString("services"),
    regexp: words.characterString("regexp"),
    replacement: words.name("replacement"),
  }),
};
