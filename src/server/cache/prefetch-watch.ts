/**
 * Finds answers that are asked for often and are about to expire: CoreDNS's `prefetch AMOUNT DURATION PERCENTAGE%`.
 *
 * An answer is popular when AMOUNT hits were counted without a gap of DURATION. Looked at once a second, so a gap is
 * known to a second.
 */
import type { RegionHits } from "./region-hits.ts";

export interface PrefetchTerms {
  /** Hits that make an answer popular; at least 1. */
  readonly amount: number;
  readonly durationS: number;
  /** It is fetched anew when so much of its lifetime is left, or one second. */
  readonly percentage: number;
  /** Called from `AnswerStore.tick`, once per lifetime of an answer. Must not throw. */
  readonly ask: (question: StoredQuestion) => void;
}

/** A question whose answer is held. */
export interface StoredQuestion {
  /** Wire form, lower case. The caller's. */
  readonly name: Uint8Array;
  readonly qtype: number;
  readonly qclass: number;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
}

export class PrefetchWatch {
  /** Hits at the start of the present run without a gap. */
  readonly #runStart: Int32Array;
  readonly #asked: Uint8Array;
  readonly #hits: RegionHits;

  constructor(slots: number, hits: RegionHits) {
    this.#runStart = new Int32Array(slots);
    this.#asked = new Uint8Array(slots);
    this.#hits = hits;
  }

  /** A new answer stands in the slot. @param popular hits of the run that it inherits from the one it replaces */
  renew(slot: number, inherited: number): void {
    this.#asked[slot] = 0;
    this.#runStart[slot] = this.#hits.count(slot) - inherited;
  }

  /** Hits of the present run. */
  run(slot: number): number {
    return (this.#hits.count(slot) - (this.#runStart[slot] ?? 0)) | 0;
  }

  /** To be called for each answer once a second. @returns whether it is popular and was not asked for yet */
  isPopular(slot: number, terms: PrefetchTerms, nowS: number): boolean {
    if (nowS - this.#hits.lastS(slot) > terms.durationS) this.#runStart[slot] = this.#hits.count(slot);
    return this.#asked[slot] === 0 && this.run(slot) >= terms.amount;
  }

  markAsked(slot: number): void {
    this.#asked[slot] = 1;
  }
}
