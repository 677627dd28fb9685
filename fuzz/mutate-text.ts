/** Changes of text: by characters, by words, by lines, and by what means something to the reader. */
import type { Random } from "./random.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function textOf(input: Uint8Array): string {
  return decoder.decode(input);
}

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** @param words that mean something in this language: inserted whole */
export function mutateText(
  input: Uint8Array,
  random: Random,
  inputs: readonly Uint8Array[],
  words: readonly string[],
): Uint8Array {
  let text = textOf(input);
  do text = changed(text, random, inputs, words);
  while (random.oneIn(2));
  return bytesOf(text);
}

function changed(text: string, random: Random, inputs: readonly Uint8Array[], words: readonly string[]): string {
  const at = random.below(text.length + 1);
  switch (random.below(9)) {
    case 0:
      return text.slice(0, at) + random.pick(words) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + random.below(random.pick([1, 4, 30])));
    case 2:
      return text.slice(0, at) + String.fromCodePoint(character(random)) + text.slice(at + random.below(2));
    case 3: {
      const [from, to] = wordAround(text, at);
      return text.slice(0, from) + random.pick(words) + text.slice(to);
    }
    case 4: {
      const [from, to] = wordAround(text, at);
      return text.slice(0, from) + text.slice(to);
    }
    case 5: {
      const lines = text.split("\n");
      const line = random.below(lines.length);
      const other = random.pick(lines);
      lines.splice(line, random.below(2), ...Array<string>(random.pick([0, 1, 1, 2, 30])).fill(other));
      return lines.join("\n");
    }
    case 6: {
      const other = textOf(random.pick(inputs)).split("\n");
      const from = random.below(other.length);
      const lines = text.split("\n");
      lines.splice(random.below(lines.length + 1), 0, ...other.slice(from, from + 1 + random.below(4)));
      return lines.join("\n");
    }
    case 7: {
      const [from, to] = wordAround(text, at);
      return text.slice(0, to) + text.slice(from, to).repeat(random.pick([1, 2, 50])) + text.slice(to);
    }
    default:
      return text.replace(/\d+/, () => String(random.pick([0, 1, -1, 65536, 2 ** 31, 2 ** 53, 1e21, 0.5, "0x10"])));
  }
}

/** Mostly what keyboards have. */
function character(random: Random): number {
  if (random.oneIn(10)) return random.pick([0, 0x0d, 0x7f, 0x80, 0xa0, 0x85, 0x2028, 0xfeff, 0xfffd, 0x130, 0x1f600]);
  return random.oneIn(10) ? random.pick([9, 10]) : 32 + random.below(95);
}

/** The run of characters other than white space at `at`. */
function wordAround(text: string, at: number): [number, number] {
  let from = at;
  let to = at;
  while (from > 0 && !/\s/.test(text[from - 1] ?? " ")) from--;
  while (to < text.length && !/\s/.test(text[to] ?? " ")) to++;
  return [from, to];
}
