/**
 * The files of a folder of manifests (or the one file), and whether they changed.
 *
 * Files are those that end in `.yaml`, `.yml` or `.json`, in the folder itself, in the order of their names; hidden ones are
 * not read (a mounted ConfigMap has such). Changes are seen by the kernel's notices and, where those do not come, by looking.
 */
import { type FSWatcher, type Stats, watch } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describeError } from "../base/errors.ts";

const MANIFEST = /^[^.].*\.(ya?ml|json)$/i;
const FILE_MAX_BYTES = 32 << 20;
const MOST_FILES = 10_000;
/** After a notice: files are often written in pieces, and a short while later they are whole. */
const SETTLE_MS = 100;
/** Something may change all the time, such as another file of the folder above. */
const SETTLE_MOST_MS = 1000;

/**
 * Paths with what changes when their content does, or whether it may be read. A file that is not to be had is there too, for
 * whoever reads it to say why.
 *
 * @throws when the path itself cannot be read
 */
export async function findFiles(path: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const self = await stat(path);
  if (self.isFile()) return found.set(path, signatureOf(self));
  if (!self.isDirectory()) throw new Error(`${path} is neither a file nor a folder`);
  const names = (await readdir(path)).filter((name) => MANIFEST.test(name)).sort();
  if (names.length > MOST_FILES) throw new Error(`${names.length} files; ${MOST_FILES} are the most`);
  for (const name of names) {
    const file = join(path, name);
    try {
      const each = await stat(file);
      // Folders are not read, and a pipe would be waited for without end.
      if (each.isFile()) found.set(file, signatureOf(each));
    } catch (error) {
      found.set(file, describeError(error));
    }
  }
  return found;
}

function signatureOf({ mtimeMs, ctimeMs, size, ino, dev }: Stats): string {
  return `${mtimeMs} ${ctimeMs} ${size} ${ino} ${dev}`;
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
  /** Of `performance.now()`: the first notice since the look before. */
  #noticedAtMs: number | undefined;

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

  readonly #soon = (): void => {
    const nowMs = performance.now();
    this.#noticedAtMs ??= nowMs;
    const leftMs = this.#noticedAtMs + SETTLE_MOST_MS - nowMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), Math.max(0, Math.min(SETTLE_MS, this.#pollMs, leftMs)));
  };

  #look(): void {
    if (this.#stopped) return;
    this.#noticedAtMs = undefined;
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
