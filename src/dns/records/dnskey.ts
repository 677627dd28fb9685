/** DNSKEY (RFC 4034 §2), CDNSKEY (RFC 7344 §3.2), KEY (RFC 3445 §4). */
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { base64Text } from "./encodings.ts";
import type { TextWords } from "./text-words.ts";

export interface DnskeyData {
  readonly kind: "dnskey";
  readonly flags: number;
  readonly protocol: number;
  readonly algorithm: number;
  readonly publicKey: Uint8Array;
}

export const dnskeyCodec: RecordCodec<DnskeyData> = {
  decode: (reader: RdataReader) => ({
    kind: "dnskey",
    flags: reader.u16(),
    protocol: reader.u8(),
    algorithm: reader.u8(),
    publicKey: reader.rest(),
  }),
  encode: (data: DnskeyData, writer: MessageWriter) => {
    writer.u16(data.flags);
    writer.u8(data.protocol);
    writer.u8(data.algorithm);
    writer.bytes(data.publicKey);
  },
  toText: (data: DnskeyData) => `${data.flags} ${data.protocol} ${data.algorithm} ${base64Text(data.publicKey)}`,
  fromText: (words: TextWords) => ({
    kind: "dnskey",
    flags: words.integer("flags", 0xffff),
    protocol: words.integer("protocol", 255),
    algorithm: words.integer("algorithm", 255),
    publicKey: words.base64Rest(),
  }),
};
