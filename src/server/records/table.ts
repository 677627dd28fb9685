/**
 * Objects of one kind as a watch delivers them, with an index for DNS; a change costs what the object costs.
 *
 * One table has one watch. Whoever answers from it may listen for changes, to drop what was answered before.
 */
import type { Watcher } from "../../kube/cluster-source.ts";

/** @param before, after undefined: the object is new, is gone */
export type ChangeListener<T> = (after: T | undefined, before: T | undefined) => void;

export abstract class Table<T> implements Watcher<T> {
  /** All that was there at the start is in the table. */
  isSynced: boolean;
  /** Why the objects may be out of date; undefined while they are current. */
  staleReason: string | undefined;
  /** The reason is that we are not allowed to read them. */
  isDenied: boolean;
  /** Objects held. */
  size: number;
  /** Wall-clock milliseconds of the last change; 0 before the first. */
  changedAtMs: number;
  readonly #listeners: Set<ChangeListener<T>>;
  readonly #wallMs: () => number;
  readonly #onState: (table: Table<T>) => void;

  /** @param onState called when `isSynced` or `staleReason` has changed */
  constructor(wallMs: () => number, onState: (table: Table<T>) => void = () => {}) {
    this.isSynced = false;
    this.staleReason = undefined;
    this.isDenied = false;
    this.size = 0;
    this.changedAtMs = 0;
    this.#listeners = new Set();
    this.#wallMs = wallMs;
    this.#onState = onState;
  }

  /** There is nothing to wait for: what can be known is known. */
  get isSettled(): boolean {
    return this.isSynced || this.isDenied;
  }

  protected abstract replace(after: T | undefined, before: T | undefined): void;

  put(object: T, before: T | undefined): void {
    if (before === undefined) this.size++;
    this.#change(object, before);
  }

  removed(before: T): void {
    this.size--;
    this.#change(undefined, before);
  }

  synced(): void {
    this.isSynced = true;
    this.#onState(this);
  }

  stale(reason: string | undefined, denied = false): void {
    if (this.staleReason === reason && this.isDenied === denied) return;
    this.staleReason = reason;
    this.isDenied = reason !== undefined && denied;
    this.#onState(this);
  }

  /** @returns ends it */
  listen(listener: ChangeListener<T>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #change(after: T | undefined, before: T | undefined): void {
    this.changedAtMs = this.#wallMs();
    this.replace(after, before);
    for (const listener of this.#listeners) listener(after, before);
  }
}

/** `namespace/name`; neither holds a slash, so no text of a question can pass for another's key. */
export function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Values under a key of which there is nearly always one: then no list is made for it. */
export class MultiMap<V extends object> {
  readonly #map = new Map<string, V | V[]>();

  get(key: string): readonly V[] {
    const found = this.#map.get(key);
    if (found === undefined) return [];
    return Array.isArray(found) ? found : [found];
  }

  /** Once, however often it is added. */
  add(key: string, value: V): void {
    const found = this.#map.get(key);
    if (found === undefined) this.#map.set(key, value);
    else if (Array.isArray(found)) {
      if (!found.includes(value)) found.push(value);
    } else if (found !== value) this.#map.set(key, [found, value]);
  }

  delete(key: string, value: V): void {
    const found = this.#map.get(key);
    if (found === value) this.#map.delete(key);
    if (!Array.isArray(found)) return;
    const left = found.filter((one) => one !== value);
    const [only] = left;
    if (only === undefined) this.#map.delete(key);
    else this.#map.set(key, left.length === 1 ? only : left);
  }

  /** In place of `before`, which may be among others. */
  swap(key: string, before: V, after: V): void {
    const found = this.#map.get(key);
    if (found === before) this.#map.set(key, after);
    else if (Array.isArray(found) && found.includes(before)) found[found.indexOf(before)] = after;
    else this.add(key, after);
  }
}
