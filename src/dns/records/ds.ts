/** DS (RFC 4034 §5) and CDS (RFC 7344 §3.1). */
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { hexText } from "./encodings.ts";
import type { TextWords } from "./text-words.ts";

export interface DsData {
  readonly kind: "ds";
  readonly keyTag: number;
  readonly algorithm: number;
  readonly digestType: number;
  readonly digest: Uint8Array;
}

export const dsCodec: RecordCodec<DsData> = {
  decode: (reader: RdataReader) => ({
    kind: "ds",
    keyTag: reader.u16(),
    algorithm: reader.u8(),
    digestType: reader.u8(),
    digest: reader.rest(),
  }),
  encode: (data: DsData, writer: MessageWriter) => {
    writer.u16(data.keyTag);
    writer.u8(data.algorithm);
    writer.u8(data.digestType);
    writer.bytes(data.digest);
  },
  toText: (data: DsData) => `${data.keyTag} ${data.algorithm} ${data.digestType} ${hexText(data.digest)}`,
  fromText: (words: TextWords) => ({
    kind: "ds",
    keyTag: words.integer("key tag", 0xffff),
    algorithm: words.integer("algorithm", 255),
    digestType: words.integer("digest type", 255),
    digest: words.hexRest(),
  }),
};
