/** Text of an expression to its words: names, numbers, strings, operators. */

export type Word =
  | { readonly kind: "name" | "operator"; readonly text: string; readonly at: number }
  | { readonly kind: "string"; readonly text: string; readonly at: number }
  | { readonly kind: "number"; readonly value: number; readonly text: string; readonly at: number }
  | { readonly kind: "end"; readonly text: string; readonly at: number };

/** What is wrong with an expression, and where: an offset into its text. */
export class ExpressionError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const OPERATORS = ["&&", "||", "==", "!=", "<=", ">=", ..."<>!?:()[]{},+-*%#".split("")];
const PLAIN = /\s+|[A-Za-z_][A-Za-z0-9_]*|0[xX][0-9a-fA-F]+|[0-9][0-9_]*/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", "'": "'", '"': '"' };

/** @returns the words, one of kind `end` last. @throws ExpressionError */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at] ?? "";
    if (char === "'" || char === '"' || char === "`") {
      const { value, end } = stringAt(text, at, char);
      words.push({ kind: "string", text: value, at });
      at = end;
      continue;
    }
    PLAIN.lastIndex = at;
    const [plain] = PLAIN.exec(text) ?? [];
    const operator = OPERATORS.find((one) => text.startsWith(one, at));
    if (plain !== undefined) {
      if (/^[0-9]/.test(plain)) {
        words.push({ kind: "number", value: Number(plain.replaceAll("_", "")), text: plain, at });
      } else if (plain.trim() !== "") words.push({ kind: "name", text: plain, at });
      at += plain.length;
    } else if (operator !== undefined) {
      words.push({ kind: "operator", text: operator, at });
      at += operator.length;
    } else {
      throw new ExpressionError(`unexpected '${char}'`, at);
    }
  }
  words.push({ kind: "end", text: "the end", at });
  return words;
}

/** A backtick takes everything as it is; the other quotes know escapes. */
function stringAt(text: string, start: number, quote: string): { value: string; end: number } {
  let value = "";
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at] ?? "";
    if (char === quote) return { value, end: at + 1 };
    if (char !== "\\" || quote === "`") {
      value += char;
      continue;
    }
    const [, code] = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))/.exec(text.slice(at + 1))?.filter(Boolean) ?? [];
    const escape = text[at + 1] ?? "";
    const plain = ESCAPES[escape];
    if (code !== undefined) value += String.fromCharCode(Number.parseInt(code, 16));
    else if (plain !== undefined) value += plain;
    else throw new ExpressionError(`unknown escape '\\${escape}'`, at);
    at += code === undefined ? 1 : code.length + 1;
  }
  throw new ExpressionError("this string is never closed", start);
}
