/** CAA (RFC 8659 §4.1). */
import { MessageError } from "../message-error.ts";
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { quotedText, RecordTextError, type TextWords, unescapedBytes } from "./text-words.ts";

export interface CaaData {
  readonly kind: "caa";
  readonly flags: number;
  /** Letters and digits: `issue`, `iodef`. */
  readonly tag: string;
  readonly value: Uint8Array;
}

const TAG = /^[A-Za-z0-9]{1,255}$/;

export const caaCodec: RecordCodec<CaaData> = {
  decode: (reader: RdataReader) => {
    const flags = reader.u8();
    const tag = String.fromCharCode(...reader.characterString());
    if (!TAG.test(tag)) throw new MessageError("a CAA tag of other characters than letters and digits");
    return { kind: "caa", flags, tag, value: reader.rest() };
  },
  encode: (data: CaaData, writer: MessageWriter) => {
    writer.u8(data.flags);
    writer.characterString(Uint8Array.from(data.tag, (character) => character.charCodeAt(0)));
    writer.bytes(data.value);
  },
  toText: (data: CaaData) => `${data.flags} ${data.tag} ${quotedText(data.value)}`,
  fromText: (words: TextWords) => {
    const flags = words.integer("flags", 255);
    const tag = words.word("tag");
    if (!TAG.test(tag)) throw new RecordTextError(`${JSON.stringify(tag)} is no CAA tag`);
    return { kind: "caa", flags, tag, value: unescapedBytes(words.word("value")) };
  },
};
