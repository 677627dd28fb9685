/**
 * The cache file's life: read once at the start, written every few minutes and at an orderly end.
 *
 * A cache is worth a warm start and no more: whatever goes wrong is one line in the log, and the server serves. A file is
 * written beside the old one and takes its place when it is whole on the disk, so there is never half of one.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { access, type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { AnswerStore } from "../cache/answer-store.ts";
import {
  beginsAsCacheFile,
  CacheFileEntries,
  CacheFileError,
  CacheFileWriter,
  FILE_HEADER_BYTES,
} from "../cache/cache-file-format.ts";

/** Between two times that it is written. */
const WRITE_EVERY_MS = 300_000;
/** At the start nobody is served meanwhile; popular entries come first. */
const READ_BUDGET_MS = 300;
/** A disk that takes longer at the end is not waited for. */
const LAST_WRITE_MS = 5000;
/** Permission bit: anybody may write. */
const WRITABLE_BY_ALL = 0o002;

export interface CacheFileOptions {
  readonly path: string;
  readonly store: AnswerStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly everyMs?: number;
}

export class CacheFile {
  readonly #options: CacheFileOptions;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  /** Why the last write failed: the same reason is not said again. */
  #complaint: string | undefined;

  constructor(options: CacheFileOptions) {
    this.#options = options;
    this.#timer = undefined;
    this.#writing = undefined;
    this.#complaint = undefined;
  }

  /** Takes over what the file holds, if there is one. To be called before anybody asks. Never throws for its content. */
  read(): void {
    const { path, store, clock, log } = this.#options;
    try {
      const bytes = readWhole(path, store.regionBytes);
      if (bytes === undefined) return;
      const report = store.importFrom(new CacheFileEntries(bytes, clock), READ_BUDGET_MS);
      const { taken, expired, unreadable, unwanted, complete, durationMs } = report;
      const rest = expired + unreadable + unwanted;
      log.info(
        `cache file ${path}: ${taken} answers taken over in ${Math.round(durationMs)} ms, ${rest} were too old or found no room` +
          (complete ? "" : ", others left for want of time"),
      );
    } catch (error) {
      log.warning(`cache file ${path} is ignored: ${describeError(error)}`);
    }
  }

  /** Writes it from time to time from now on. What would keep it from that is told now. */
  begin(): void {
    void checkPlace(this.#options.path).catch((error: unknown) => this.#complain(error));
    this.#timer = setInterval(() => void this.write(), this.#options.everyMs ?? WRITE_EVERY_MS).unref();
  }

  /** Writes what the store holds now. Never rejects. */
  async write(): Promise<void> {
    this.#writing ??= this.#tryToWrite().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  /** Writes it for the last time, for some seconds at most. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, LAST_WRITE_MS);
    // What is being written may be from before much that came since.
    const last = (this.#writing ?? Promise.resolve()).then(() => this.write());
    await Promise.race([last, late.promise]);
    clearTimeout(timer);
  }

  async #tryToWrite(): Promise<void> {
    const { path, store, clock } = this.#options;
    try {
      await writeWhole(path, new CacheFileWriter(store, clock));
      this.#complaint = undefined;
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    const { path, log } = this.#options;
    const complaint = describeError(error);
    if (complaint !== this.#complaint) log.error(`cache file ${path} cannot be written: ${complaint}`);
    this.#complaint = complaint;
  }
}

/**
 * @param maxBytes of a file that is read
 * @returns undefined when there is none
 * @throws CacheFileError, or what the file system says
 */
function readWhole(path: string, maxBytes: number): Uint8Array<ArrayBuffer> | undefined {
  let fd: number;
  try {
    // Not blocking: a named pipe would be waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new CacheFileError("it is no regular file");
    // Who writes this file decides what clients are told.
    if ((stat.mode & WRITABLE_BY_ALL) !== 0) throw new CacheFileError("everybody may write to it");
    if (stat.uid !== 0 && stat.uid !== process.geteuid?.()) throw new CacheFileError("it belongs to somebody else");
    if (stat.size > maxBytes) throw new CacheFileError("it is larger than the cache (--cache-size)");
    const bytes = new Uint8Array(stat.size);
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(fd, bytes, filled, bytes.length - filled, null);
      if (count === 0) throw new CacheFileError("it is cut short");
      filled += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/** A path that was mistyped costs nobody a file, or a device. @throws CacheFileError, or what the file system says */
async function checkPlace(path: string): Promise<void> {
  await access(dirname(path), constants.W_OK | constants.X_OK);
  let there: Stats;
  try {
    there = await stat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  if (!there.isFile()) throw new CacheFileError("what is there is no regular file, and stays");
  if (there.size === 0) return;
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(4), 0, 4, 0);
    if (!beginsAsCacheFile(buffer.subarray(0, bytesRead)))
      throw new CacheFileError("what is there is no cache file, and stays");
  } finally {
    await file.close();
  }
}

async function writeWhole(path: string, writer: CacheFileWriter): Promise<void> {
  await checkPlace(path);
  const temporary = `${path}.tmp`;
  await rm(temporary, { force: true });
  // Never through a link that somebody else has put there.
  const file = await open(temporary, "wx", 0o600);
  try {
    let at = FILE_HEADER_BYTES;
    for (const piece of writer.body()) {
      await writePiece(file, piece, at);
      at += piece.length;
    }
    await writePiece(file, writer.header(), 0);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

async function writePiece(file: FileHandle, piece: Uint8Array, at: number): Promise<void> {
  let written = 0;
  while (written < piece.length) {
    const { bytesWritten } = await file.write(piece, written, piece.length - written, at + written);
    written += bytesWritten;
  }
}
