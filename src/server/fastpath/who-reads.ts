/**
 * Whether the main thread reads client sockets or the fast-path threads do.
 *
 * Looked at after every so many queries. The main thread takes over when nearly all that come are misses and they do not come
 * in crowds; it gives up when they do (then hits must not wait behind them), when there are more hits, or few of anything.
 */

/** Misses, or datagrams while the main thread reads, between two looks. */
const LOOK_EVERY = 256;
/** It takes over for so many misses a second at least: parked threads look round, and that has its price. */
const MISSES_PER_S = 500;
/** It gives up below so many queries a second. */
const QUERIES_PER_S = 200;
/** It takes over when there are so many times more misses than hits. */
const HITS_FEW = 16;
/** It gives up when one in so many is a hit. */
const HITS_MANY = 8;
/** Misses that are handed over together: more is a crowd. */
const TOGETHER_MAX = 48;
/** Datagrams that one receive brings while the main thread reads: more is a crowd. */
const CROWD = 48;
/** After the threads had to take the sockets back. */
const PAUSE_MS = 100;

export class WhoReads {
  #queries: number;
  #turns: number;
  #misses: number;
  #hitsBefore: number;
  #sinceMs: number;
  #notBeforeMs: number;

  constructor(nowMs: number) {
    this.#notBeforeMs = nowMs;
    this.#queries = 0;
    this.#turns = 0;
    this.#misses = 0;
    this.#hitsBefore = 0;
    this.#sinceMs = nowMs;
  }

  /**
   * The fast-path threads read; misses came from one of them.
   *
   * @param hits of all of them so far
   * @returns true: from now on the main thread shall read
   */
  handedOver(misses: number, hits: () => number, nowMs: () => number): boolean {
    this.#misses += misses;
    this.#turns++;
    if (this.#misses < LOOK_EVERY) return false;
    const now = nowMs();
    const hitsNow = hits();
    const many = this.#misses * 1000 >= MISSES_PER_S * (now - this.#sinceMs);
    const nearlyAll = (hitsNow - this.#hitsBefore) * HITS_FEW <= this.#misses;
    const takes = many && nearlyAll && this.#misses <= this.#turns * TOGETHER_MAX && now >= this.#notBeforeMs;
    this.#hitsBefore = hitsNow;
    this.#begin(now);
    return takes;
  }

  /**
   * The main thread reads, and has received once.
   *
   * @returns false: from now on the threads shall
   */
  received(datagrams: number, misses: number, nowMs: () => number): boolean {
    this.#queries += datagrams;
    this.#misses += misses;
    this.#turns++;
    if (this.#queries < LOOK_EVERY) return true;
    const now = nowMs();
    const many = this.#queries * 1000 >= QUERIES_PER_S * (now - this.#sinceMs);
    const goesOn =
      many && (this.#queries - this.#misses) * HITS_MANY <= this.#queries && this.#queries <= this.#turns * CROWD;
    this.#begin(now);
    return goesOn;
  }

  /** The threads have taken the sockets back. */
  takenBack(nowMs: number): void {
    this.#notBeforeMs = nowMs + PAUSE_MS;
    this.#begin(nowMs);
  }

  #begin(nowMs: number): void {
    this.#queries = 0;
    this.#misses = 0;
    this.#turns = 0;
    this.#sinceMs = nowMs;
  }
}
