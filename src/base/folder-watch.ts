/** Changes in folders, such as those in which ConfigMaps are mounted. */
import { type FSWatcher, watch } from "node:fs";

/** Changes come in bursts: the kubelet makes a folder, links and renames. */
const SETTLE_MS = 50;
const POLL_MS = 1000;

/**
 * Calls back when something may have changed in one of some folders: at once where the kernel tells (inotify), and once a
 * second anyway, for it does not tell of folders that were not there, or are mounted over.
 */
export class FolderWatch {
  readonly #paths: readonly string[];
  readonly #look: () => void;
  readonly #watchers: Map<string, FSWatcher>;
  readonly #poll: NodeJS.Timeout;
  #settling: NodeJS.Timeout | undefined;

  /** @param look is to find out itself whether anything has changed; must not throw */
  constructor(paths: readonly string[], look: () => void) {
    this.#paths = [...new Set(paths)];
    this.#look = look;
    this.#watchers = new Map();
    this.#settling = undefined;
    this.#open();
    this.#poll = setInterval(() => {
      this.#open();
      look();
    }, POLL_MS);
    this.#poll.unref();
  }

  close(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#settling);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Those that can be watched and are not yet. */
  #open(): void {
    for (const path of this.#paths) {
      if (this.#watchers.has(path)) continue;
      try {
        const watcher = watch(path, { persistent: false });
        watcher.on("change", () => this.#changed());
        // Gone, or no more watches: the poll goes on, and tries again.
        watcher.on("error", () => this.#drop(path));
        watcher.on("close", () => this.#watchers.delete(path));
        this.#watchers.set(path, watcher);
      } catch {
        continue;
      }
    }
  }

  #drop(path: string): void {
    this.#watchers.get(path)?.close();
    this.#watchers.delete(path);
  }

  #changed(): void {
    if (this.#settling !== undefined) return;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      this.#look();
    }, SETTLE_MS).unref();
  }
}
