/**
 * Corefile text to words.
 *
 * White space parts words. A `"` that starts a word opens a quoted word, which may span lines and knows one escape,
 * `\"`. An unquoted `#` anywhere starts a comment that ends with the line. `\r` outside quotes is ignored, and so is a
 * byte order mark at the start.
 */
import { ConfigError } from "../../base/errors.ts";
import type { Token } from "./tree.ts";

/** A word as it stands in the file, environment references and all. */
export interface Word extends Token {
  /** First word of its line, or of a file or snippet that was imported. */
  readonly startsLine: boolean;
}

const NUL_HINT = "A Corefile is UTF-8 text";
const BYTE_ORDER_MARK = "\uFEFF";
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const BACKSLASH = 0x5c;

/** What Go's `unicode.IsSpace` takes for white space: unlike `\s`, with U+0085 and without U+FEFF. */
export function isSpace(code: number): boolean {
  if (code <= SPACE) return code === SPACE || (code >= 0x09 && code <= 0x0d);
  if (code < 0x85) return false;
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/**
 * Cuts a whole file into words.
 *
 * @param file name for positions; columns count UTF-16 code units from 1
 * @throws ConfigError at the opening quote when a quoted word never ends, at a word with a NUL character
 */
export function lex(text: string, file: string): Word[] {
  const words: Word[] = [];
  let at = text.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
  let line = 1;
  let lineAt = at;
  let startsLine = true;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === NEWLINE) {
      at++;
      line++;
      lineAt = at;
      startsLine = true;
    } else if (isSpace(code)) {
      at++;
    } else if (code === HASH) {
      at = endOfLine(text, at);
    } else {
      const position = { file, line, column: at - lineAt + 1 };
      const quoted = code === QUOTE;
      const end = quoted ? endOfQuoted(text, at + 1) : endOfPlain(text, at);
      if (end < 0) throw new ConfigError(position, "Unexpected EOF: this quote is never closed");
      const raw = quoted ? text.slice(at + 1, end) : text.slice(at, end);
      // No name, path or number has one, and the system refuses paths that do in its own way.
      if (raw.includes("\0")) throw new ConfigError(position, "a NUL character in a word", { hint: NUL_HINT });
      words.push({ text: quoted ? unescapeQuotes(raw) : raw.replaceAll("\r", ""), position, quoted, startsLine });
      startsLine = false;
      at = quoted ? end + 1 : end;
      for (let i = raw.indexOf("\n"); i >= 0; i = raw.indexOf("\n", i + 1)) {
        line++;
        // Only quoted words hold newlines: the raw text began one after the quote.
        lineAt = end - raw.length + i + 1;
      }
    }
  }
  return words;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** A carriage return does not end a word: `\r` is ignored, wherever it stands. */
function endOfPlain(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === HASH || (isSpace(code) && code !== CARRIAGE_RETURN)) break;
  }
  return at;
}

/** @returns offset of the closing quote, or -1 */
function endOfQuoted(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // A backslash takes the next character with it, so that `\\"` is two backslashes and the end.
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  return -1;
}

/** `\"` becomes `"`; every other backslash stays, together with what follows it. */
function unescapeQuotes(raw: string): string {
  return raw.replaceAll(/\\([\s\S])/g, (pair, escaped: string) => (escaped === '"' ? '"' : pair));
}
