/** A ConfigMap that is mounted as a folder. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Larger than a ConfigMap can be. */
const FILE_MAX_BYTES = 4 * 1024 * 1024;

/**
 * Its regular files by name; hidden ones are passed over, as are folders (the kubelet's `..data` and what it points to).
 *
 * @returns undefined when there is no such folder
 * @throws Error of the file system, or when a file is too long or no UTF-8
 */
export function readFolder(path: string): ReadonlyMap<string, string> | undefined {
  let names: string[];
  try {
    names = readdirSync(path);
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
  const files = new Map<string, string>();
  for (const name of names.toSorted()) {
    if (name.startsWith(".")) continue;
    const stats = statSync(join(path, name), { throwIfNoEntry: false });
    if (stats?.isFile() !== true) continue;
    if (stats.size > FILE_MAX_BYTES) throw new Error(`${name} has ${stats.size} bytes`);
    files.set(name, decoded(readFileSync(join(path, name)), name));
  }
  return files;
}

function decoded(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Error(`non-utf8 data in ${name}`, { cause });
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
