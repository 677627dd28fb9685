/** URI (RFC 7553 §4). */
import { MessageError } from "../message-error.ts";
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { quotedText, RecordTextError, type TextWords, unescapedBytes } from "./text-words.ts";

export interface UriData {
  readonly kind: "uri";
  readonly priority: number;
  readonly weight: number;
  /** At least one byte. */
  readonly target: Uint8Array;
}

export const uriCodec: RecordCodec<UriData> = {
  decode: (reader: RdataReader) => {
    const priority = reader.u16();
    const weight = reader.u16();
    if (reader.remaining === 0) throw new MessageError("a URI record without a target");
    return { kind: "uri", priority, weight, target: reader.rest() };
  },
  encode: (data: UriData, writer: MessageWriter) => {
    writer.u16(data.priority);
    writer.u16(data.weight);
    writer.bytes(data.target);
  },
  toText: (data: UriData) => `${data.priority} ${data.weight} ${quotedText(data.target)}`,
  fromText: (words: TextWords) => {
    const priority = words.integer("priority", 0xffff);
    const weight = words.integer("weight", 0xffff);
    const target = unescapedBytes(words.word("target"));
    if (target.length === 0) throw new RecordTextError("target: is empty");
    return { kind: "uri", priority, weight, target };
  },
};
