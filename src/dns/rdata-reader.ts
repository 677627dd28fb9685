/**
 * A cursor over the data of one record, for the cold path.
 *
 * It never leaves the data, except by a compression pointer inside a name.
 */
import { copyBytes } from "./copy-bytes.ts";
import { readU16, readU32 } from "./header.ts";
import { MessageError } from "./message-error.ts";
import { checkName, expandName, NAME_MAX_BYTES, nameLength } from "./name.ts";

export class RdataReader {
  readonly #message: Uint8Array;
  readonly #end: number;
  #at: number;

  /** @param message whole, header at 0 */
  constructor(message: Uint8Array, at: number, end: number) {
    this.#message = message;
    this.#at = at;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.#message[this.#take(1)] ?? 0;
  }

  u16(): number {
    return readU16(this.#message, this.#take(2));
  }

  u32(): number {
    return readU32(this.#message, this.#take(4));
  }

  /** A copy of the next `count` bytes. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return copyBytes(this.#message, at, at + count);
  }

  /** A copy of what is left. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** A `<character-string>` (RFC 1035 §3.3): a length byte and up to 255 bytes. */
  characterString(): Uint8Array {
    return this.bytes(this.u8());
  }

  /** A name that may end in a pointer; without compression. */
  name(): Uint8Array {
    const out = new Uint8Array(NAME_MAX_BYTES);
    const length = expandName(this.#message, 0, this.#at, this.#end, out, 0);
    if (length < 0) throw new MessageError("a name in a record's data is malformed");
    this.#at = checkName(this.#message, 0, this.#at, this.#end);
    return out.slice(0, length);
  }

  /** A name of a type whose senders must not compress it: there a pointer is bytes like others (RFC 3597 §4). */
  plainName(): Uint8Array {
    const length = nameLength(this.#message, this.#at, this.#end);
    if (length < 0) throw new MessageError("a name in a record's data is malformed or compressed");
    return this.bytes(length);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count < 0 || at + count > this.#end) throw new MessageError("a record's data ends too early");
    this.#at = at + count;
    return at;
  }
}
