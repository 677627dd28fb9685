/** TLSA (RFC 6698 §2) and SMIMEA (RFC 8162 §2). */
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { hexText } from "./encodings.ts";
import type { TextWords } from "./text-words.ts";

export interface TlsaData {
  readonly kind: "tlsa";
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly association: Uint8Array;
}

export const tlsaCodec: RecordCodec<TlsaData> = {
  decode: (reader: RdataReader) => ({
    kind: "tlsa",
    usage: reader.u8(),
    selector: reader.u8(),
    matchingType: reader.u8(),
    association: reader.rest(),
  }),
  encode: (data: TlsaData, writer: MessageWriter) => {
    writer.u8(data.usage);
    writer.u8(data.selector);
    writer.u8(data.matchingType);
    writer.bytes(data.association);
  },
  toText: (data: TlsaData) => `${data.usage} ${data.selector} ${data.matchingType} ${hexText(data.association)}`,
  fromText: (words: TextWords) => ({
    kind: "tlsa",
    usage: words.integer("usage", 255),
    selector: words.integer("selector", 255),
    matchingType: words.integer("matching type", 255),
    association: words.hexRest(),
  }),
};
