/** TXT (RFC 1035 §3.3.14) and types of the same form: SPF (RFC 7208 §3.1), AVC, NINFO, RESINFO (RFC 9606 §4). */
import { MessageError } from "../message-error.ts";
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { quotedText, RecordTextError, type TextWords } from "./text-words.ts";

export interface TxtData {
  readonly kind: "txt";
  /** At least one, each of at most 255 bytes. */
  readonly strings: readonly Uint8Array[];
}

export const txtCodec: RecordCodec<TxtData> = {
  decode: (reader: RdataReader) => {
    const strings: Uint8Array[] = [];
    while (reader.remaining > 0) strings.push(reader.characterString());
    if (strings.length === 0) throw new MessageError("a TXT record without a string");
    return { kind: "txt", strings };
  },
  encode: (data: TxtData, writer: MessageWriter) => {
    for (const string of data.strings) writer.characterString(string);
  },
  toText: (data: TxtData) => data.strings.map(quotedText).join(" "),
  fromText: (words: TextWords) => {
    const strings: Uint8Array[] = [];
    while (words.left > 0) strings.push(words.characterString("text"));
    if (strings.length === 0) throw new RecordTextError("text is missing");
    return { kind: "txt", strings };
  },
};
