/**
 * What every record type brings: its data from and to the wire (RFC 1035 §4.1.3) and the text of a zone file (§5.1).
 *
 * Laws, tested for every codec: `decode(encode(d))` is `d`; `fromText(toText(d))` is `d`; and data that `decode`
 * accepts is written back byte for byte, but for compressed names. What has no such form must be refused by `decode`:
 * it is then kept as opaque bytes, which nobody can spoil.
 */
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { TextWords } from "./text-words.ts";

export interface RecordCodec<D> {
  /**
   * Reads the data from where it begins; the caller checks that all was read.
   *
   * @throws {MessageError} for data that is not of this form
   */
  decode(reader: RdataReader): D;
  /** @param type of the record: it decides whether names may be compressed */
  encode(data: D, writer: MessageWriter, type: number): void;
  toText(data: D): string;
  /** @throws {RecordTextError} for text that is not of this form */
  fromText(words: TextWords): D;
}
