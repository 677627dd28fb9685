/** A hosts file that is read again when it changes. */
import { readFileSync, statSync } from "node:fs";
import { describeError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { HostMap, type HostsOptions, readHosts } from "./host-map.ts";

export interface HostsFileOptions extends HostsOptions {
  readonly path: string;
  /** Pause between two looks at the file, milliseconds; 0: it is read once. */
  readonly reloadMs: number;
  readonly log: Log;
  /** The file was read. @param modifiedMs its time of modification, Unix milliseconds */
  readonly onRead: (map: HostMap, modifiedMs: number) => void;
  /** What was read is in use in place of what was before. Not called for what is there at the start. */
  readonly onChange: (before: HostMap, after: HostMap) => void;
}

export class HostsFile {
  readonly #options: HostsFileOptions;
  #map: HostMap;
  #modifiedMs: number;
  #bytes: number;
  #timer: NodeJS.Timeout | undefined;
  /** Why it could not be read at the last look: the same reason is told once. */
  #complaint: string | undefined;
  #started: boolean;

  constructor(options: HostsFileOptions) {
    this.#options = options;
    this.#map = new HostMap();
    this.#modifiedMs = -1;
    this.#bytes = -1;
    this.#timer = undefined;
    this.#complaint = undefined;
    this.#started = false;
  }

  get map(): HostMap {
    return this.#map;
  }

  /** Reads the file and begins to watch it. A file that is not there may come later. */
  start(): void {
    this.look();
    this.#started = true;
    const { reloadMs } = this.#options;
    if (reloadMs <= 0) return;
    this.#timer = setInterval(() => this.look(), Math.min(reloadMs, 2 ** 31 - 1));
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads the file if its time or its size is another. What cannot be read leaves what was read before. */
  look(): void {
    const { path, log, onChange, onRead } = this.#options;
    let text: string;
    try {
      const { mtimeMs, size } = statSync(path);
      if (mtimeMs === this.#modifiedMs && size === this.#bytes) return;
      text = readFileSync(path, "utf8");
      this.#modifiedMs = mtimeMs;
      this.#bytes = size;
      this.#complaint = undefined;
    } catch (error) {
      this.#complain(error);
      return;
    }
    const before = this.#map;
    this.#map = readHosts(text, this.#options);
    if (this.#started) onChange(before, this.#map);
    log.debug(`Parsed hosts file into ${this.#map.size} entries`);
    onRead(this.#map, this.#modifiedMs);
  }

  /** `setup` has warned of what was missing or a folder then, and what is missing later may come back. */
  #complain(error: unknown): void {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EISDIR")) return;
    const complaint = describeError(error);
    const { path, log } = this.#options;
    if (complaint !== this.#complaint) log.warning(`Hosts file ${path} cannot be read: ${complaint}`);
    this.#complaint = complaint;
  }
}
