/** RP (RFC 1183 §2.2) and MINFO (RFC 1035 §3.3.7): two names. */
import type { MessageWriter } from "../message-writer.ts";
import { nameToText } from "../name-text.ts";
import type { RdataReader } from "../rdata-reader.ts";
import { TYPE_MINFO } from "../types.ts";
import type { RecordCodec } from "./codec.ts";
import type { TextWords } from "./text-words.ts";

export interface RpData {
  readonly kind: "rp";
  /** Wire form, as the next. */
  readonly mailbox: Uint8Array;
  /** RP: where TXT records about it are. MINFO: the mailbox for errors. */
  readonly other: Uint8Array;
}

export const rpCodec: RecordCodec<RpData> = {
  decode: (reader: RdataReader) => ({ kind: "rp", mailbox: reader.name(), other: reader.name() }),
  encode: (data: RpData, writer: MessageWriter, type: number) => {
    for (const name of [data.mailbox, data.other]) {
      if (type === TYPE_MINFO) writer.name(name);
      else writer.plainName(name);
    }
  },
  toText: (data: RpData) => `${nameToText(data.mailbox)} ${nameToText(data.other)}`,
  fromText: (words: TextWords) => ({ kind: "rp", mailbox: words.name("mailbox"), other: words.name("name") }),
};
