/**
 * The objects of one kind and selection, and those who watch them: watchers of the same share one copy.
 *
 * Objects come one by one (`put`, `remove`), or as a whole that may take its time: `beginWhole`, `put` for each, and
 * `endWhole`, which removes what was not there. Watchers are told what differs; a field that is not read makes no difference.
 */
import type { Watch, Watcher } from "./cluster-source.ts";
import { isSame } from "./same.ts";

export class Feed<T extends { readonly name: string; readonly namespace?: string }> {
  readonly #objects = new Map<string, T>();
  readonly #watchers = new Set<Watcher<T>>();
  /** Keys seen of the whole that is being told; undefined when none is. */
  #seen: Set<string> | undefined;
  #synced = false;
  #staleReason: string | undefined;
  #denied = false;

  get synced(): boolean {
    return this.#synced;
  }

  get staleReason(): string | undefined {
    return this.#staleReason;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Tells what is known so far, then all that changes. @param onLast nobody watches any more */
  join(watcher: Watcher<T>, onLast: () => void): Watch {
    for (const object of this.#objects.values()) watcher.put(object, undefined);
    if (this.#synced) watcher.synced?.();
    if (this.#staleReason !== undefined) watcher.stale?.(this.#staleReason, this.#denied);
    this.#watchers.add(watcher);
    const synced = (): boolean => this.#synced;
    const staleReason = (): string | undefined => this.#staleReason;
    return {
      get synced() {
        return synced();
      },
      get staleReason() {
        return staleReason();
      },
      stop: () => {
        if (this.#watchers.delete(watcher) && this.#watchers.size === 0) onLast();
      },
    };
  }

  put(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    this.#seen?.add(key);
    if (before !== undefined && isSame(before, object)) return;
    this.#objects.set(key, object);
    for (const watcher of this.#watchers) watcher.put(object, before);
  }

  remove(namespace: string, name: string): void {
    this.#removeKey(keyOf({ namespace, name }));
  }

  beginWhole(): void {
    this.#seen = new Set();
  }

  /** What is there now was there at the end of the whole too. */
  endWhole(): void {
    const seen = this.#seen;
    if (seen === undefined) return;
    this.#seen = undefined;
    for (const key of this.#objects.keys()) if (!seen.has(key)) this.#removeKey(key);
    if (this.#synced) return;
    this.#synced = true;
    for (const watcher of this.#watchers) watcher.synced?.();
  }

  /** Told once for each reason. */
  stale(reason: string | undefined, denied = false): void {
    if (this.#staleReason === reason && this.#denied === denied) return;
    this.#staleReason = reason;
    this.#denied = denied;
    for (const watcher of this.#watchers) watcher.stale?.(reason, denied);
  }

  #removeKey(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    for (const watcher of this.#watchers) watcher.removed(before);
  }
}

function keyOf(object: { readonly name: string; readonly namespace?: string }): string {
  const { namespace = "", name } = object;
  return namespace === "" ? name : `${namespace}/${name}`;
}
