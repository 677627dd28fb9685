/**
 * A growing message, for the cold path, with name compression (RFC 1035 §4.1.4).
 */
import { MESSAGE_MAX_BYTES, writeU16, writeU32 } from "./header.ts";
import { MessageError } from "./message-error.ts";

/** Offsets from here on do not fit into a pointer. */
const POINTER_OFFSETS = 0x4000;

export interface MessageWriterOptions {
  /** Default true. */
  readonly compress?: boolean;
  /**
   * Let a name that differs in the case of letters only share bytes with an earlier one, and so its spelling. Default
   * false: names keep their spelling.
   */
  readonly foldCase?: boolean;
}

export class MessageWriter {
  #bytes: Uint8Array = new Uint8Array(512);
  #length = 0;
  readonly #compress: boolean;
  readonly #foldCase: boolean;
  /** Offsets of names by their bytes from some label on. */
  readonly #suffixes = new Map<string, number>();

  constructor(options: MessageWriterOptions = {}) {
    this.#compress = options.compress ?? true;
    this.#foldCase = options.foldCase ?? false;
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    writeU16(this.#bytes, at, value);
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    writeU32(this.#bytes, at, value);
  }

  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
  }

  characterString(value: Uint8Array): void {
    if (value.length > 255) throw new MessageError("a character-string is longer than 255 bytes");
    this.u8(value.length);
    this.bytes(value);
  }

  /** A name as it is: for the data of types newer than RFC 1035 (RFC 3597 §4). Later names may point at it. */
  plainName(name: Uint8Array): void {
    if (this.#compress) this.#remember(name, this.#keyOf(name), name.length);
    this.bytes(name);
  }

  /** A name that may end in a pointer to an earlier one. */
  name(name: Uint8Array): void {
    if (!this.#compress) return this.bytes(name);
    const key = this.#keyOf(name);
    let at = 0;
    let earlier: number | undefined;
    while ((name[at] ?? 0) !== 0) {
      earlier = this.#suffixes.get(key.slice(at));
      if (earlier !== undefined) break;
      at += (name[at] ?? 0) + 1;
    }
    this.#remember(name, key, at);
    if (earlier === undefined) return this.bytes(name);
    this.bytes(name.subarray(0, at));
    return this.u16(0xc000 | earlier);
  }

  /** Runs `write` and puts the number of bytes it wrote, as 16 bits, before them. */
  sized(write: () => void): void {
    const at = this.#reserve(2);
    write();
    writeU16(this.#bytes, at, this.#length - at - 2);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Notes where the suffixes of a name, about to be written here, will stand. @param until bytes of it that will */
  #remember(name: Uint8Array, key: string, until: number): void {
    for (let at = 0; at < until && (name[at] ?? 0) !== 0; at += (name[at] ?? 0) + 1) {
      const offset = this.#length + at;
      if (offset >= POINTER_OFFSETS) return;
      const suffix = key.slice(at);
      if (!this.#suffixes.has(suffix)) this.#suffixes.set(suffix, offset);
    }
  }

  /** One character a byte. */
  #keyOf(name: Uint8Array): string {
    let key = "";
    for (const byte of name) {
      key += String.fromCharCode(this.#foldCase && byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
    }
    return key;
  }

  #reserve(count: number): number {
    const at = this.#length;
    const length = at + count;
    if (length > MESSAGE_MAX_BYTES) throw new MessageError(`a message is longer than ${MESSAGE_MAX_BYTES} bytes`);
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length = length;
    return at;
  }
}
