/**
 * The files of a folder of manifests (or the one file), and whether they changed.
 *
 * Files are those that end in `.yaml`, `.yml` or `.json`, in the folder itself, in the order of their names; hidden ones are
 * not read (a mounted ConfigMap has such). Changes are seen by the kernel's notices and, where those do not come, by looking.
 */
import { watch, type FSWatcher } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

const MANIFEST = /^[^.].*\.(ya?ml|json)$/i;
const FILE_MAX_BYTES = 32 << 20;
const MOST_FILES = 10_000;

/** Paths with what changes when their content does. @throws when the path cannot be read */
export async function findFiles(path: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const add = async (file: string): Promise<void> => {
    const { mtimeMs, size, ino, dev } = await stat(file);
    found.set(file, `${mtimeMs} ${size} ${ino} ${dev}`);
  };
  if (!(await stat(path)).isDirectory()) {
    await add(path);
    return found;
  }
  const names = (await readdir(path)).filter((name) => MANIFEST.test(name)).sort();
  if (names.length > MOST_FILES) throw new Error(`${names.length} files; ${MOST_FILES} are the most`);
  for (const name of names) await add(join(path, name));
  return found;
}

export async function readBounded(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > FILE_MAX_BYTES) throw new Error(`${size} bytes; ${FILE_MAX_BYTES} are the most`);
  return readFile(file, "utf8");
}

/** Calls back soon after something changed, and now and then. */
export class FolderWatch {
  readonly #path: string;
  readonly #pollMs: number;
  readonly #onLook: () => void;
  #notices: FSWatcher[] = [];
  #timer: NodeJS.Timeout;
  #stopped = false;

  constructor(path: string, pollMs: number, onLook: () => void) {
    this.#path = path;
    this.#pollMs = pollMs;
    this.#onLook = onLook;
    this.#timer = setTimeout(() => this.#look(), pollMs);
    this.#listen();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#deafen();
  }

  /** Files are often written in pieces: a short while later they are whole. */
  readonly #soon = (): void => {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), Math.min(100, this.#pollMs));
  };

  #look(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => this.#look(), this.#pollMs);
    if (this.#notices.length === 0) this.#listen();
    this.#onLook();
  }

  /** On the folder above too: a file that is replaced is another file. */
  #listen(): void {
    for (const path of [this.#path, dirname(this.#path)]) {
      try {
        const notice = watch(path, { persistent: false }, this.#soon);
        notice.on("error", () => this.#deafen());
        this.#notices.push(notice);
      } catch {}
    }
  }

  #deafen(): void {
    for (const notice of this.#notices.splice(0)) notice.close();
  }
}
