import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EntryQueue, SlotLinks } from "./entry-queue.ts";
import { GhostList } from "./ghost-list.ts";
import type { RegionHits } from "./region-hits.ts";

/** A queue over names that are numbers; a hit is a call. */
class QueueBench {
  readonly hits = new Map<number, number>();
  readonly held = new Map<number, number>();
  readonly queue: EntryQueue;
  readonly #nameOf = new Map<number, number>();
  readonly #free: number[];

  constructor(capacity: number) {
    const count = (slot: number): number => this.hits.get(slot) ?? 0;
    const links = new SlotLinks(capacity * 2, { count } as RegionHits);
    this.queue = new EntryQueue(links, 1, 0, capacity);
    this.#free = Array.from({ length: capacity * 2 }, (_, i) => i);
  }

  /** A look-up, and a store when it missed. @returns whether it hit */
  ask(name: number): boolean {
    const slot = this.held.get(name);
    if (slot !== undefined) {
      this.hits.set(slot, (this.hits.get(slot) ?? 0) + 1);
      return true;
    }
    while (this.queue.isFull) this.#evict();
    const taken = this.#free.pop() ?? -1;
    this.queue.admit(taken, name);
    this.held.set(name, taken);
    this.#nameOf.set(taken, name);
    return false;
  }

  #evict(): void {
    const slot = this.queue.victim();
    const name = this.#nameOf.get(slot) ?? -1;
    this.queue.noteEviction(slot, name);
    this.queue.remove(slot);
    this.held.delete(name);
    this.#free.push(slot);
  }
}

describe("entry queue", () => {
  it("holds no more than its capacity, and as much", () => {
    const bench = new QueueBench(100);
    for (let name = 0; name < 1000; name++) {
      bench.ask(name);
      assert.ok(bench.queue.count <= 100);
    }
    assert.equal(bench.queue.count, 100);
    assert.equal(bench.queue.evictions, 900);
  });

  it("lets names that were asked for once push out only each other", () => {
    const bench = new QueueBench(1024);
    const hot = Array.from({ length: 500 }, (_, i) => i);
    for (let round = 0; round < 3; round++) for (const name of hot) bench.ask(name);
    let misses = 0;
    let asked = 0;
    for (let i = 0; i < 100_000; i++) {
      bench.ask(1_000_000 + i);
      if (i % 4 !== 0) continue;
      asked++;
      if (!bench.ask(hot[asked % hot.length] ?? 0)) misses++;
    }
    assert.ok(misses < asked / 100, `${misses} of ${asked} hot look-ups missed`);
  });

  it("lets a name stay that came back soon after it left", () => {
    const bench = new QueueBench(1024);
    bench.ask(7);
    for (let i = 0; i < 1100; i++) bench.ask(1_000_000 + i);
    assert.equal(bench.ask(7), false, "it had left");
    for (let i = 0; i < 3000; i++) bench.ask(2_000_000 + i);
    assert.equal(bench.ask(7), true);
  });

  it("does not take one more hit for popularity: A and AAAA of a random name are two questions", () => {
    const bench = new QueueBench(1024);
    const popular = Array.from({ length: 500 }, (_, name) => name);
    for (let round = 0; round < 3; round++) for (const name of popular) bench.ask(name);
    for (let i = 0; i < 20_000; i++) for (const _ of ["A", "AAAA"]) bench.ask(1_000_000 + i);
    assert.equal(popular.filter((name) => bench.held.has(name)).length, 500);
  });

  it("ends a search for a victim though everybody is hot", () => {
    const bench = new QueueBench(1024);
    for (let name = 0; name < 1024; name++) bench.ask(name);
    for (let slot = 0; slot < 2048; slot++) bench.hits.set(slot, 1_000_000 * slot);
    assert.equal(bench.ask(5000), false);
    assert.equal(bench.queue.count, 1024);
  });
});

describe("ghost list", () => {
  it("remembers the last ones, each for one look", () => {
    const ghosts = new GhostList(64);
    assert.equal(ghosts.take(1), false);
    for (let hash = 1; hash <= 100; hash++) ghosts.add(hash);
    assert.equal(ghosts.take(100), true);
    assert.equal(ghosts.take(100), false);
    assert.equal(ghosts.take(36), false);
    assert.equal(ghosts.take(38), true);
  });
});
