/** The text of a Go template cut into plain text and the words of its actions. */

export type WordKind =
  /** `true`, `if`, `printf` */
  | "name"
  /** `.Name` */
  | "field"
  /** `$`, `$x` */
  | "variable"
  | "string"
  | "integer"
  | "float"
  /** `.`, `|`, `(`, `)`, `:=`, `=`, `,` */
  | "mark";

export interface Word {
  readonly kind: WordKind;
  /** Without what marks its kind: `Name` of `.Name`, the value of a string. */
  readonly text: string;
  /** White space stands before it: `.A .B` is two values, `.A.B` one. */
  readonly apart: boolean;
}

export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly words: readonly Word[]; readonly source: string };

/** What is wrong with a template, in the words of Go where it has some. */
export class TemplateSyntaxError extends Error {}

const OPEN = "{{";
const CLOSE = "}}";
const SPACE = /[ \t\r\n]/;

/** @throws TemplateSyntaxError */
export function piecesOf(template: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  while (at < template.length) {
    const open = template.indexOf(OPEN, at);
    const end = open < 0 ? template.length : open;
    const trimBefore = open >= 0 && template[open + 2] === "-" && SPACE.test(template[open + 3] ?? "");
    let text = template.slice(at, end);
    if (trimNext) text = text.replace(/^[ \t\r\n]+/, "");
    if (trimBefore) text = text.replace(/[ \t\r\n]+$/, "");
    if (text !== "") pieces.push({ kind: "text", text });
    if (open < 0) break;
    const inside = open + (trimBefore ? 3 : 2);
    const action = readAction(template, inside);
    if (action.words !== undefined) {
      pieces.push({ kind: "action", words: action.words, source: template.slice(open, action.end) });
    }
    at = action.end;
    trimNext = action.trimAfter;
  }
  return pieces;
}

interface Action {
  /** Undefined: it was a comment. */
  readonly words: readonly Word[] | undefined;
  /** Offset after its `}}`. */
  readonly end: number;
  readonly trimAfter: boolean;
}

function readAction(template: string, start: number): Action {
  const comment = /[ \t\r\n]*\/\*[\s\S]*?\*\/([ \t\r\n]+-)?\}\}/y;
  comment.lastIndex = start;
  const found = comment.exec(template);
  if (found !== null) return { words: undefined, end: comment.lastIndex, trimAfter: found[1] !== undefined };
  const words: Word[] = [];
  let at = start;
  let apart = false;
  for (;;) {
    if (at >= template.length) throw new TemplateSyntaxError("unclosed action");
    if (template.startsWith(CLOSE, at)) return { words, end: at + 2, trimAfter: false };
    const space = SPACE.test(template[at] ?? "");
    if (space) {
      at++;
      if (template.startsWith(`-${CLOSE}`, at)) return { words, end: at + 3, trimAfter: true };
      apart = true;
      continue;
    }
    const { word, end } = readWord(template, at, apart);
    words.push(word);
    at = end;
    apart = false;
  }
}

const NUMBER =
  /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)/y;
const NAME = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const MARK = /:=|[.|(),=]/y;

function readWord(text: string, at: number, apart: boolean): { word: Word; end: number } {
  const first = text[at] ?? "";
  const make = (kind: WordKind, value: string, end: number): { word: Word; end: number } => {
    return { word: { kind, text: value, apart }, end };
  };
  if (first === '"') return make("string", unquoted(text, at), endOfQuote(text, at));
  if (first === "`") {
    const end = text.indexOf("`", at + 1);
    if (end < 0) throw new TemplateSyntaxError("unterminated raw quoted string");
    return make("string", text.slice(at + 1, end), end + 1);
  }
  if (first === "'") {
    const end = endOfQuote(text, at);
    const [character, more] = unquoted(text, at);
    if (character === undefined || more !== undefined) {
      throw new TemplateSyntaxError(`malformed character constant: ${text.slice(at, end)}`);
    }
    return make("integer", String(character.codePointAt(0)), end);
  }
  if (first === "$") {
    const name = take(NAME, text, at + 1) ?? "";
    return make("variable", `$${name}`, at + 1 + name.length);
  }
  const number = take(NUMBER, text, at);
  if (number !== undefined) {
    if (/[\p{L}\p{Nd}_.]/u.test(text[at + number.length] ?? "")) {
      throw new TemplateSyntaxError(`bad number syntax: "${number}${text[at + number.length]}"`);
    }
    return make(/^[+-]?0[xXbBoO]|^[^.eE]*$/.test(number) ? "integer" : "float", number, at + number.length);
  }
  if (first === ".") {
    const field = take(NAME, text, at + 1);
    if (field !== undefined) return make("field", field, at + 1 + field.length);
  }
  const name = take(NAME, text, at);
  if (name !== undefined) return make("name", name, at + name.length);
  const mark = take(MARK, text, at);
  if (mark !== undefined) return make("mark", mark, at + mark.length);
  throw new TemplateSyntaxError(`unexpected ${JSON.stringify(first)} in action`);
}

function take(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function endOfQuote(text: string, start: number): number {
  const quote = text[start];
  for (let at = start + 1; at < text.length && text[at] !== "\n"; at++) {
    if (text[at] === quote) return at + 1;
    if (text[at] === "\\") at++;
  }
  throw new TemplateSyntaxError(quote === '"' ? "unterminated quoted string" : "unterminated character constant");
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/** Characters of a quoted text with its escapes resolved, as one string. */
function unquoted(text: string, start: number): string {
  const body = text.slice(start + 1, endOfQuote(text, start) - 1);
  return body.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]?))/g,
    (whole, x?: string, u?: string, long?: string, octal?: string, plain?: string) => {
      const hex = x ?? u ?? long;
      const code = hex === undefined ? Number.parseInt(octal ?? "", 8) : Number.parseInt(hex, 16);
      if (code <= 0x10ffff) return String.fromCodePoint(code);
      const escape = ESCAPES[plain ?? ""];
      if (escape === undefined) throw new TemplateSyntaxError(`unknown escape sequence ${whole}`);
      return escape;
    },
  );
}
