/** SRV (RFC 2782). Its target is not compressed. */
import type { MessageWriter } from "../message-writer.ts";
import { nameToText } from "../name-text.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import type { TextWords } from "./text-words.ts";

export interface SrvData {
  readonly kind: "srv";
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** Wire form. */
  readonly target: Uint8Array;
}

export const srvCodec: RecordCodec<SrvData> = {
  decode: (reader: RdataReader) => ({
    kind: "srv",
    priority: reader.u16(),
    weight: reader.u16(),
    port: reader.u16(),
    target: reader.name(),
  }),
  encode: (data: SrvData, writer: MessageWriter) => {
    writer.u16(data.priority);
    writer.u16(data.weight);
    writer.u16(data.port);
    writer.plainName(data.target);
  },
  toText: (data: SrvData) => `${data.priority} ${data.weight} ${data.port} ${nameToText(data.target)}`,
  fromText: (words: TextWords) => ({
    kind: "srv",
    priority: words.integer("priority", 0xffff),
    weight: words.integer("weight", 0xffff),
    port: words.integer("port", 0xffff),
    target: words.name("target"),
  }),
};
