/**
 * The words of one entry of a zone file (RFC 1035 §5.1), and what they stand for.
 *
 * Parentheses and line ends count as blanks, so an entry may span lines. Escapes stay in the words: what they mean
 * depends on the field.
 */
import { NodensError } from "../../base/errors.ts";
import { NAME_MAX_BYTES } from "../name.ts";
import { nameFromText, NameTextError } from "../name-text.ts";
import { base64Bytes, hexBytes } from "./encodings.ts";

/** A text that is no record. */
export class RecordTextError extends NodensError {
  readonly code = "NODENS_DNS_RECORD";
}

interface Word {
  /** As written, without surrounding quotes; escapes still in. */
  readonly text: string;
  readonly quoted: boolean;
}

const utf8 = new TextEncoder();

export class TextWords {
  readonly #words: readonly Word[];
  readonly #origin: Uint8Array;
  #next = 0;

  /** @param origin in wire form: what names without a final dot are relative to */
  constructor(text: string, origin: Uint8Array) {
    this.#words = splitWords(text);
    this.#origin = origin;
  }

  get left(): number {
    return this.#words.length - this.#next;
  }

  /** The next word, not consumed. */
  peek(): string | undefined {
    const word = this.#words[this.#next];
    return word === undefined || word.quoted ? undefined : word.text;
  }

  /** The next word as written. @param what it should be, for the error */
  word(what: string): string {
    return this.#take(what).text;
  }

  /** @param max largest value */
  integer(what: string, max: number): number {
    const text = this.word(what);
    if (!/^\d{1,10}$/.test(text)) throw new RecordTextError(`${what}: ${JSON.stringify(text)} is no number`);
    const value = Number(text);
    if (value > max) throw new RecordTextError(`${what}: ${text} is more than ${max}`);
    return value;
  }

  /** A domain name in wire form; `@` is the origin. */
  name(what: string): Uint8Array {
    return absoluteName(this.word(what), this.#origin);
  }

  /** A character-string: at most 255 bytes. */
  characterString(what: string): Uint8Array {
    const bytes = unescapedBytes(this.word(what));
    if (bytes.length > 255) throw new RecordTextError(`${what}: longer than 255 bytes`);
    return bytes;
  }

  /** All words left, joined, as hexadecimal digits. */
  hexRest(): Uint8Array {
    return hexBytes(this.#joinRest()) ?? fail("no hexadecimal digits");
  }

  /** All words left, joined, as base64. */
  base64Rest(): Uint8Array {
    return base64Bytes(this.#joinRest()) ?? fail("no base64");
  }

  #joinRest(): string {
    let joined = "";
    while (this.left > 0) joined += this.word("data");
    return joined;
  }

  #take(what: string): Word {
    const word = this.#words[this.#next];
    if (word === undefined) throw new RecordTextError(`${what} is missing`);
    this.#next++;
    return word;
  }
}

function fail(fact: string): never {
  throw new RecordTextError(fact);
}

/** @throws {RecordTextError} when a quote is not closed */
function splitWords(text: string): Word[] {
  // A word in quotes; or a run of anything but blanks, parentheses, `;` and quotes, of which one that ends in `=` may
  // have its value in quotes (RFC 9460 §2.1); or a comment; or a blank.
  const pattern =
    /"((?:[^"\\]|\\[\s\S])*)"|((?:[^\s()";\\]|\\[\s\S]?)+)(?:(?<==)"((?:[^"\\]|\\[\s\S])*)")?|;[^\n]*|[\s()]+|"/gu;
  const words: Word[] = [];
  for (const [all, quoted, plain, value = ""] of text.matchAll(pattern)) {
    if (quoted !== undefined) words.push({ text: quoted, quoted: true });
    else if (plain !== undefined) words.push({ text: plain + value, quoted: false });
    else if (all === '"') throw new RecordTextError("a quote is not closed");
  }
  return words;
}

/** The wire form of a name that may be relative to `origin`. @throws {RecordTextError} when it is no name */
export function absoluteName(text: string, origin: Uint8Array): Uint8Array {
  if (text === "@") return origin;
  try {
    const name = nameFromText(text);
    if (/(?:^|[^\\])(?:\\\\)*\.$/.test(text)) return name;
    if (name.length - 1 + origin.length > NAME_MAX_BYTES) {
      throw new NameTextError(text, "with its origin it is longer than 255 bytes");
    }
    const absolute = new Uint8Array(name.length - 1 + origin.length);
    absolute.set(name);
    absolute.set(origin, name.length - 1);
    return absolute;
  } catch (cause) {
    if (cause instanceof NameTextError) throw new RecordTextError(cause.message, { cause });
    throw cause;
  }
}

/** The bytes that a word with escapes stands for. @throws {RecordTextError} for a broken escape */
export function unescapedBytes(text: string): Uint8Array {
  const source = utf8.encode(text);
  const out = new Uint8Array(source.length);
  let length = 0;
  for (let at = 0; at < source.length;) {
    const byte = source[at++] ?? 0;
    if (byte !== 0x5c) {
      out[length++] = byte;
      continue;
    }
    const digits = /^\d/.test(String.fromCharCode(source[at] ?? 0))
      ? String.fromCharCode(...source.subarray(at, at + 3))
      : undefined;
    if (digits === undefined) {
      if (at >= source.length) throw new RecordTextError("text ends in a backslash");
      out[length++] = source[at++] ?? 0;
      continue;
    }
    const value = /^\d{3}$/.test(digits) ? Number(digits) : 256;
    if (value > 255) throw new RecordTextError(`\\${digits} is no byte`);
    out[length++] = value;
    at += 3;
  }
  return out.slice(0, length);
}

/** Bytes as a quoted character-string. */
export function quotedText(bytes: Uint8Array): string {
  let text = '"';
  for (const byte of bytes) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${byte.toString().padStart(3, "0")}`;
  }
  return `${text}"`;
}
