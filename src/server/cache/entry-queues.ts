/** All queues of a store: one for each partition and kind, made when first needed. */
import { EntryQueue, SlotLinks } from "./entry-queue.ts";
import type { PrefetchTerms } from "./prefetch-watch.ts";
import { KIND_DENIAL, KIND_FAILURE, KIND_SUCCESS } from "./region-layout.ts";
import type { RegionHits } from "./region-hits.ts";

/** What a partition may hold, in entries. */
export interface CacheLimits {
  readonly success: number;
  readonly denial: number;
  readonly failure: number;
  readonly prefetch?: PrefetchTerms | undefined;
  /** Most seconds an answer may live, by kind; those that have more left are let go of. */
  readonly maxTtlS?: { readonly success: number; readonly denial: number; readonly failure: number };
  /** Most seconds for which an answer may be served after its end; those that may for longer may not any more. */
  readonly staleS?: number;
  /** All else that decides which answers are held and how they look: entries made under other rules are let go of. */
  readonly rules?: string;
}

/** CoreDNS's defaults (plugin/cache: 10000 in 256 shards); failures, which it counts among denials, get its minimum. */
export const DEFAULT_LIMITS: CacheLimits = { success: 9984, denial: 9984, failure: 1024 };

const KINDS = [KIND_SUCCESS, KIND_DENIAL, KIND_FAILURE] as const;

export class EntryQueues {
  readonly links: SlotLinks;
  /** Entries in all. */
  total: number;
  readonly #queues: Map<number, EntryQueue>;
  readonly #limits: Map<number, CacheLimits>;
  /** Key in `#queues` for each slot that holds an entry. */
  readonly #keyOf: Int32Array;

  constructor(slots: number, hits: RegionHits) {
    this.links = new SlotLinks(slots, hits);
    this.total = 0;
    this.#queues = new Map();
    this.#limits = new Map();
    this.#keyOf = new Int32Array(slots);
  }

  of(partition: number, kind: number): EntryQueue {
    const key = keyOf(partition, kind);
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = new EntryQueue(this.links, partition, kind, capacityOf(this.limits(partition), kind));
      this.#queues.set(key, queue);
    }
    return queue;
  }

  limits(partition: number): CacheLimits {
    return this.#limits.get(partition) ?? DEFAULT_LIMITS;
  }

  /** Limits of the partition whose entry stands in the slot. */
  limitsOf(slot: number): CacheLimits {
    return this.limits(this.queueOf(slot).partition);
  }

  /** Whether limits are known: somebody configured it, or its entries brought them along. */
  knows(partition: number): boolean {
    return this.#limits.has(partition);
  }

  /** @returns victims one by one, to be evicted each before the next is taken */
  *configure(partition: number, limits: CacheLimits): Generator<number> {
    this.#limits.set(partition, limits);
    for (const kind of KINDS) {
      const queue = this.of(partition, kind);
      queue.capacity = capacityOf(limits, kind);
      while (queue.count > queue.capacity) yield queue.victim();
    }
  }

  /** Whether the partition was configured before, with other rules. */
  hasOtherRules(partition: number, limits: CacheLimits): boolean {
    const before = this.#limits.get(partition);
    return before !== undefined && before.rules !== limits.rules;
  }

  /** Entries of the partition that live longer than its limits say. @param remainingS of the entry in a slot */
  overlong(partition: number, { maxTtlS }: CacheLimits, remainingS: (slot: number) => number): number[] {
    if (maxTtlS === undefined) return [];
    const most = [maxTtlS.success, maxTtlS.denial, maxTtlS.failure];
    return KINDS.flatMap((kind) =>
      [...this.of(partition, kind).slots()].filter((slot) => remainingS(slot) > (most[kind] ?? 0)),
    );
  }

  /** Entries of a partition. */
  count(partition: number): number {
    return KINDS.reduce<number>((sum, kind) => sum + this.entries(partition, kind), 0);
  }

  /** All entries of a partition; none may be removed meanwhile. */
  *slots(partition: number): Generator<number> {
    for (const kind of KINDS) yield* this.of(partition, kind).slots();
  }

  /** Sum over all queues. */
  sum(figure: "rejections" | "ghostHits"): number {
    let sum = 0;
    for (const queue of this.#queues.values()) sum += queue[figure];
    return sum;
  }

  release(partition: number, limits: CacheLimits): void {
    if (this.#limits.get(partition) !== limits) return;
    this.#limits.set(partition, { ...limits, prefetch: undefined });
    for (const kind of KINDS) this.of(partition, kind).forget();
  }

  /** @returns the partition's entries one by one, to be removed each before the next is taken */
  *purge(partition: number): Generator<number> {
    for (const kind of KINDS) {
      const queue = this.of(partition, kind);
      while (queue.count > 0) yield queue.victim();
      queue.forget();
    }
    this.#limits.delete(partition);
  }

  /** Queue of a slot that holds an entry. */
  queueOf(slot: number): EntryQueue {
    const queue = this.#queues.get(this.#keyOf[slot] ?? 0);
    if (queue === undefined) throw new Error(`no entry stands in slot ${slot}`);
    return queue;
  }

  /** @param place where it stood before; a new entry's is decided by its hash */
  admit(slot: number, queue: EntryQueue, hash: number, place: "new" | "small" | "main"): void {
    if (place === "new") queue.admit(slot, hash);
    else queue.adopt(slot, place === "main");
    this.#keyOf[slot] = keyOf(queue.partition, queue.kind);
    this.total++;
  }

  remove(slot: number): void {
    this.queueOf(slot).remove(slot);
    this.#keyOf[slot] = 0;
    this.total--;
  }

  evict(slot: number, hash: number): void {
    this.queueOf(slot).noteEviction(slot, hash);
    this.remove(slot);
  }

  /** The queue with most entries. */
  largest(): EntryQueue {
    let largest: EntryQueue | undefined;
    for (const queue of this.#queues.values()) if (queue.count > (largest?.count ?? 0)) largest = queue;
    if (largest === undefined) throw new Error("all queues are empty");
    return largest;
  }

  entries(partition: number, kind: number): number {
    return this.#queues.get(keyOf(partition, kind))?.count ?? 0;
  }

  evictions(partition: number, kind: number): number {
    return this.#queues.get(keyOf(partition, kind))?.evictions ?? 0;
  }
}

/** At least 4, for partitions count from 1. */
function keyOf(partition: number, kind: number): number {
  return partition * 4 + kind;
}

function capacityOf(limits: CacheLimits, kind: number): number {
  if (kind === KIND_SUCCESS) return limits.success;
  return kind === KIND_DENIAL ? limits.denial : limits.failure;
}
