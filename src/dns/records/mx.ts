/** MX (RFC 1035 §3.3.9) and types of the same form: AFSDB, RT (RFC 1183 §1, §3.3), KX (RFC 2230 §3.1). */
import type { MessageWriter } from "../message-writer.ts";
import { nameToText } from "../name-text.ts";
import type { RdataReader } from "../rdata-reader.ts";
import { TYPE_MX } from "../types.ts";
import type { RecordCodec } from "./codec.ts";
import type { TextWords } from "./text-words.ts";

export interface MxData {
  readonly kind: "mx";
  /** Or AFSDB's subtype. */
  readonly preference: number;
  /** Wire form. */
  readonly exchange: Uint8Array;
}

export const mxCodec: RecordCodec<MxData> = {
  decode: (reader: RdataReader) => ({ kind: "mx", preference: reader.u16(), exchange: reader.name() }),
  encode: (data: MxData, writer: MessageWriter, type: number) => {
    writer.u16(data.preference);
    if (type === TYPE_MX) writer.name(data.exchange);
    else writer.plainName(data.exchange);
  },
  toText: (data: MxData) => `${data.preference} ${nameToText(data.exchange)}`,
  fromText: (words: TextWords) => ({
    kind: "mx",
    preference: words.integer("preference", 0xffff),
    exchange: words.name("exchange"),
  }),
};
