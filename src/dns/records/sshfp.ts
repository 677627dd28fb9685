/** SSHFP (RFC 4255 §3). */
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { hexText } from "./encodings.ts";
import type { TextWords } from "./text-words.ts";

export interface SshfpData {
  readonly kind: "sshfp";
  readonly algorithm: number;
  readonly fingerprintType: number;
  readonly fingerprint: Uint8Array;
}

export const sshfpCodec: RecordCodec<SshfpData> = {
  decode: (reader: RdataReader) => ({
    kind: "sshfp",
    algorithm: reader.u8(),
    fingerprintType: reader.u8(),
    fingerprint: reader.rest(),
  }),
  encode: (data: SshfpData, writer: MessageWriter) => {
    writer.u8(data.algorithm);
    writer.u8(data.fingerprintType);
    writer.bytes(data.fingerprint);
  },
  toText: (data: SshfpData) => `${data.algorithm} ${data.fingerprintType} ${hexText(data.fingerprint)}`,
  fromText: (words: TextWords) => ({
    kind: "sshfp",
    algorithm: words.integer("algorithm", 255),
    fingerprintType: words.integer("fingerprint type", 255),
    fingerprint: words.hexRest(),
  }),
};
