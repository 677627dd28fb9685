/** HINFO (RFC 1035 §3.3.2); today mostly the answer to ANY (RFC 8482 §4.2). */
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { quotedText, type TextWords } from "./text-words.ts";

export interface HinfoData {
  readonly kind: "hinfo";
  readonly cpu: Uint8Array;
  readonly os: Uint8Array;
}

export const hinfoCodec: RecordCodec<HinfoData> = {
  decode: (reader: RdataReader) => ({ kind: "hinfo", cpu: reader.characterString(), os: reader.characterString() }),
  encode: (data: HinfoData, writer: MessageWriter) => {
    writer.characterString(data.cpu);
    writer.characterString(data.os);
  },
  toText: (data: HinfoData) => `${quotedText(data.cpu)} ${quotedText(data.os)}`,
  fromText: (words: TextWords) => ({
    kind: "hinfo",
    cpu: words.characterString("CPU"),
    os: words.characterString("OS"),
  }),
};
