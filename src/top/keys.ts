/** From what a terminal sends to names of keys (xterm's sequences, which all others imitate). */

const ESCAPE = "\u001B";

const SEQUENCES: Readonly<Record<string, string>> = {
  "[A": "up",
  "[B": "down",
  "[C": "right",
  "[D": "left",
  OA: "up",
  OB: "down",
  OC: "right",
  OD: "left",
  "[5~": "page-up",
  "[6~": "page-down",
  "[H": "home",
  "[F": "end",
  "[1~": "home",
  "[4~": "end",
  OH: "home",
  OF: "end",
};

const CONTROLS: Readonly<Record<string, string>> = {
  "\u0003": "ctrl-c",
  "\u0008": "backspace",
  "\t": "tab",
  "\n": "enter",
  "\r": "enter",
  "\u0015": "ctrl-u",
  "\u001A": "ctrl-z",
  "\u001B": "escape",
  "\u007F": "backspace",
};

/** @param input what came at once: a lone escape character is the key */
export function keysOf(input: string): string[] {
  const keys: string[] = [];
  let at = 0;
  while (at < input.length) {
    const character = input.charAt(at++);
    const [sequence] = character === ESCAPE ? (/^(\[[0-9;]*[A-Za-z~]|O[A-Za-z])/.exec(input.slice(at)) ?? []) : [];
    if (sequence !== undefined) {
      const key = SEQUENCES[sequence];
      if (key !== undefined) keys.push(key);
      at += sequence.length;
      continue;
    }
    const control = CONTROLS[character];
    if (control !== undefined) keys.push(control);
    else if (character >= " ") keys.push(character);
  }
  return keys;
}
