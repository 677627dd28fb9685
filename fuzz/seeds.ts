/**
 * Inputs in files: `fuzz/seeds/<target>/<what it is>.hex` or `.txt`.
 *
 * Hex may be broken into lines, with comments from `#` on. Text is taken as it is, to the last newline.
 */
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Finding } from "./campaign.ts";
import type { Target } from "./target.ts";

export const FUZZ_FOLDER: string = fileURLToPath(new URL(".", import.meta.url));

export interface Seed {
  /** File name without its ending. */
  readonly name: string;
  readonly input: Uint8Array;
}

/** The seeds of a target, by name. */
export function seedsOf(target: Pick<Target, "name" | "form">, folder: string = join(FUZZ_FOLDER, "seeds")): Seed[] {
  const ending = target.form === "hex" ? ".hex" : ".txt";
  const own = join(folder, target.name);
  return globSync(`*${ending}`, { cwd: own })
    .sort()
    .map((file) => {
      const bytes = readFileSync(join(own, file));
      const input = target.form === "hex" ? fromHex(bytes.toString()) : new Uint8Array(bytes);
      return { name: file.slice(0, -ending.length), input };
    });
}

export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/#.*$/gm, "").replaceAll(/\s/g, "");
  if (!/^(?:[\da-f]{2})*$/i.test(digits)) throw new Error(`not hex: ${digits.slice(0, 40)}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array, comment: string): string {
  const lines =
    Buffer.from(bytes)
      .toString("hex")
      .match(/.{1,96}/g) ?? [];
  return `# ${comment.replaceAll(/\s+/g, " ")}\n${lines.map((line) => `${line}\n`).join("")}`;
}

/** @returns the path of the file that holds the finding's input now */
export function writeFinding(target: Pick<Target, "name" | "form">, finding: Finding): string {
  const folder = join(FUZZ_FOLDER, "findings", target.name);
  mkdirSync(folder, { recursive: true });
  const hash = createHash("sha256").update(finding.message).update(finding.input).digest("hex").slice(0, 12);
  const hex = target.form === "hex";
  const path = join(folder, `${finding.kind}-${hash}${hex ? ".hex" : ".txt"}`);
  writeFileSync(path, hex ? toHex(finding.input, finding.message) : finding.input);
  return path;
}
