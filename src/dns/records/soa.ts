/** SOA (RFC 1035 §3.3.13). */
import type { MessageWriter } from "../message-writer.ts";
import { nameToText } from "../name-text.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { ttlFromText } from "./ttl-text.ts";
import type { TextWords } from "./text-words.ts";

export interface SoaData {
  readonly kind: "soa";
  /** Primary server; wire form. */
  readonly mname: Uint8Array;
  /** Mailbox of who is responsible; wire form. */
  readonly rname: Uint8Array;
  readonly serial: number;
  /** Seconds, as the following ones. */
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  /** TTL of negative answers (RFC 2308 §4). */
  readonly minimum: number;
}

export const soaCodec: RecordCodec<SoaData> = {
  decode: (reader: RdataReader) => ({
    kind: "soa",
    mname: reader.name(),
    rname: reader.name(),
    serial: reader.u32(),
    refresh: reader.u32(),
    retry: reader.u32(),
    expire: reader.u32(),
    minimum: reader.u32(),
  }),
  encode: (data: SoaData, writer: MessageWriter) => {
    writer.name(data.mname);
    writer.name(data.rname);
    writer.u32(data.serial);
    writer.u32(data.refresh);
    writer.u32(data.retry);
    writer.u32(data.expire);
    writer.u32(data.minimum);
  },
  toText: (data: SoaData) =>
    `${nameToText(data.mname)} ${nameToText(data.rname)} ` +
    `${data.serial} ${data.refresh} ${data.retry} ${data.expire} ${data.minimum}`,
  fromText: (words: TextWords) => ({
    kind: "soa",
    mname: words.name("primary server"),
    rname: words.name("mailbox"),
    serial: words.integer("serial", 0xffffffff),
    refresh: ttlFromText(words.word("refresh")),
    retry: ttlFromText(words.word("retry")),
    expire: ttlFromText(words.word("expire")),
    minimum: ttlFromText(words.word("minimum")),
  }),
};
