/** In which order the upstreams of a question are tried. */
import type { RandomIds } from "./random-ids.ts";

export type PolicyName = "random" | "round_robin" | "sequential";

export interface Policy {
  /** Indexes of all upstreams, the first to try first. May be kept, never written to. */
  order(): readonly number[];
}

/** @param count of upstreams, 1 or more */
export function makePolicy(name: PolicyName, count: number, ids: RandomIds): Policy {
  switch (name) {
    case "sequential":
      return new Sequential(count);
    case "round_robin":
      return new RoundRobin(count);
    case "random":
      return count === 1 ? new Sequential(1) : new Random(count, ids);
  }
}

class Sequential implements Policy {
  readonly #order: readonly number[];

  constructor(count: number) {
    this.#order = indexes(count);
  }

  order(): readonly number[] {
    return this.#order;
  }
}

/** The next upstream first, then the others from the top, as CoreDNS does. */
class RoundRobin implements Policy {
  readonly #orders: readonly (readonly number[])[];
  #turn: number;

  constructor(count: number) {
    this.#orders = indexes(count).map((first) => [first, ...indexes(count).filter((index) => index !== first)]);
    this.#turn = 0;
  }

  order(): readonly number[] {
    this.#turn = (this.#turn + 1) % this.#orders.length;
    return this.#orders[this.#turn] ?? [];
  }
}

class Random implements Policy {
  readonly #ids: RandomIds;
  readonly #count: number;

  constructor(count: number, ids: RandomIds) {
    this.#ids = ids;
    this.#count = count;
  }

  /** A new array each time: questions in flight keep theirs. */
  order(): readonly number[] {
    const order = indexes(this.#count);
    for (let left = this.#count - 1; left > 0; left--) {
      const at = this.#ids.below(left + 1);
      const kept = order[left] ?? 0;
      order[left] = order[at] ?? 0;
      order[at] = kept;
    }
    return order;
  }
}

function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
