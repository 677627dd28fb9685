/**
 * Domain names as people write them: the master-file form of RFC 1035 §5.1.
 *
 * Bytes that text cannot hold are written `\DDD` (decimal); dots and the characters that mean something in a zone file
 * get a backslash. So `nameFromText(nameToText(name))` is `name`, whatever bytes its labels hold.
 */
import { NodensError } from "../base/errors.ts";
import { LABEL_MAX_BYTES, NAME_MAX_BYTES } from "./name.ts";

/** A text that is no domain name. The message quotes it. */
export class NameTextError extends NodensError {
  readonly code = "NODENS_DNS_NAME";
  readonly text: string;

  constructor(text: string, fact: string) {
    super(`${JSON.stringify(text)} is no domain name: ${fact}`);
    this.text = text;
  }
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;
/** `"`, `$`, `(`, `)`, `.`, `;`, `@`, `\`: they mean something in a zone file. */
const SPECIAL: ReadonlySet<number> = new Set([0x22, 0x24, 0x28, 0x29, DOT, 0x3b, 0x40, BACKSLASH]);

/**
 * The text of an uncompressed name, with the final dot: `www.example.org.`, or `.` for the root.
 *
 * @param at index of its first length byte; the name must be whole (`nameLength` said so)
 */
export function nameToText(bytes: Uint8Array, at: number = 0): string {
  let text = "";
  let cursor = at;
  for (let label = bytes[cursor] ?? 0; label !== 0; label = bytes[cursor] ?? 0) {
    const end = cursor + 1 + label;
    for (cursor++; cursor < end; cursor++) text += characterText(bytes[cursor] ?? 0);
    text += ".";
  }
  return text === "" ? "." : text;
}

function characterText(byte: number): string {
  if (SPECIAL.has(byte)) return `\\${String.fromCharCode(byte)}`;
  if (byte > 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\${byte.toString().padStart(3, "0")}`;
}

const utf8 = new TextEncoder();

/**
 * The wire form of a name. Text without a final dot is taken as absolute too. Characters beyond ASCII become their
 * UTF-8 bytes (no IDNA).
 *
 * @returns a new array of 1 to 255 bytes
 * @throws {NameTextError} for an empty text, an empty or too long label, a too long name, a broken escape
 */
export function nameFromText(text: string): Uint8Array {
  if (text === ".") return new Uint8Array(1);
  if (text === "") throw new NameTextError(text, "it is empty");
  const source = utf8.encode(text);
  // One byte for the first length, one for the root; an escape only shrinks.
  const wire = new Uint8Array(source.length + 2);
  let lengthAt = 0;
  let written = 1;
  let at = 0;
  const endLabel = (): void => {
    const length = written - lengthAt - 1;
    if (length === 0) throw new NameTextError(text, "a label is empty");
    if (length > LABEL_MAX_BYTES) throw new NameTextError(text, `a label is longer than ${LABEL_MAX_BYTES} bytes`);
    wire[lengthAt] = length;
    lengthAt = written++;
  };
  while (at < source.length) {
    const byte = source[at++] ?? 0;
    if (byte === DOT) {
      endLabel();
    } else if (byte === BACKSLASH) {
      const escaped = escapedByte(source, at, text);
      wire[written++] = escaped;
      at += isDigit(source[at]) ? 3 : 1;
    } else {
      wire[written++] = byte;
    }
  }
  if (written > lengthAt + 1) endLabel();
  if (written > NAME_MAX_BYTES) throw new NameTextError(text, `it is longer than ${NAME_MAX_BYTES} bytes`);
  return wire.slice(0, written);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** The byte after a backslash at `at - 1`: three digits, or one other character for itself. */
function escapedByte(source: Uint8Array, at: number, text: string): number {
  const byte = source[at];
  if (byte === undefined) throw new NameTextError(text, "it ends in a backslash");
  if (!isDigit(byte)) return byte;
  if (!isDigit(source[at + 1]) || !isDigit(source[at + 2])) {
    throw new NameTextError(text, "a backslash needs three digits or another character after it");
  }
  const value = (byte - 0x30) * 100 + ((source[at + 1] ?? 0) - 0x30) * 10 + ((source[at + 2] ?? 0) - 0x30);
  if (value > 255) throw new NameTextError(text, `\\${value} is more than a byte holds`);
  return value;
}
