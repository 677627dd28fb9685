/** The Corefile in use as a file, for people and for the `reload` plugin. */
import { lstatSync, realpathSync, renameSync, unlinkSync, writeFileSync } from "node:fs";

/**
 * Writes it whole or not at all: beside the old one and renamed; in place where only the file itself can be written (one that
 * is mounted).
 *
 * @returns why it cannot be written; undefined when it is
 */
export function writeCorefile(path: string, text: string): string | undefined {
  let target = path;
  try {
    // A link stays one.
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) target = realpathSync(path);
  } catch {
    target = path;
  }
  const aside = `${target}.${process.pid}`;
  try {
    writeFileSync(aside, text);
    renameSync(aside, target);
    return undefined;
  } catch {
    removeIfThere(aside);
  }
  try {
    writeFileSync(target, text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.message.split(", ", 1)[0] ?? error.message) : String(error);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made.
  }
}
