/**
 * The loop: take an input that is known, change it, try it, keep it if what became of it is new.
 *
 * With the same seed and number of runs, the same inputs in the same order.
 */
import { leastCpuMs } from "./cpu-time.ts";
import { minimize } from "./minimize.ts";
import { Random } from "./random.ts";
import type { Target } from "./target.ts";

/** Inputs that may be kept for being new. */
const KEPT_MAX = 2000;
/** Longer inputs cost much more time each, so they are taken less often. */
const LONG_BYTES = 2048;
const LONG_ONE_IN = 500;
const FINDINGS_MAX = 20;
const MINIMIZE_MS = 10_000;
/** The heap is measured this often. */
const QUARTERS = 4;
/** Growth from the first to the last quarter that still is none: compiled code, feedback of the compiler. */
const GROWTH_MAX_BYTES = 6 * 1024 * 1024;

export type FindingKind = "error" | "slow" | "hang" | "memory";

export interface Finding {
  readonly kind: FindingKind;
  /** What is wrong; by this, with its numbers left out, findings are told apart. */
  readonly message: string;
  /** Smallest known; empty when the finding is about no single input. */
  readonly input: Uint8Array;
}

export interface CampaignOptions {
  readonly seed: number;
  readonly runs: number;
  /** `performance.now()` at which it ends. */
  readonly untilMs: number;
  /** Tried first, unchanged. */
  readonly seeds: readonly Uint8Array[];
  /** Bytes held by the heap after a collection; absent: not watched. */
  readonly heapBytes?: () => number;
  /** Called with each input before it is tried. */
  readonly onInput?: (input: Uint8Array) => void;
}

export interface CampaignReport {
  readonly runs: number;
  readonly elapsedMs: number;
  /** Inputs by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Of all inputs, without the checks; each by the shortest of several tries. */
  readonly slowestMs: number;
  /** Inputs kept for being new. */
  readonly kept: number;
  /** At each quarter, after a collection. */
  readonly heapBytes: readonly number[];
  readonly findings: readonly Finding[];
}

export async function campaign(target: Target, options: CampaignOptions): Promise<CampaignReport> {
  return new Campaign(target, options).run();
}

class Campaign {
  readonly #target: Target;
  readonly #options: CampaignOptions;
  readonly #random: Random;
  readonly #short: Uint8Array[];
  readonly #long: Uint8Array[];
  /** How many of them, from the first, were not found on the way. */
  readonly #ownShort: number;
  readonly #ownLong: number;
  readonly #known: Set<number>;
  readonly #counts: Float64Array;
  readonly #findings: Map<string, Finding>;
  #kept: number;
  /** The longest time with the checks, at most what an input may take. */
  #triedMs: number;
  #slowestMs: number;

  constructor(target: Target, options: CampaignOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = new Random(options.seed);
    const inputs = [...options.seeds, ...target.corpus];
    this.#short = inputs.filter(({ length }) => length <= LONG_BYTES);
    this.#long = inputs.filter(({ length }) => length > LONG_BYTES);
    this.#ownShort = this.#short.length;
    this.#ownLong = this.#long.length;
    this.#known = new Set();
    this.#counts = new Float64Array(256);
    this.#findings = new Map();
    this.#kept = 0;
    this.#triedMs = 0;
    this.#slowestMs = 0;
  }

  async run(): Promise<CampaignReport> {
    const { runs, untilMs, heapBytes, seeds } = this.#options;
    const first = [...seeds, ...this.#target.corpus];
    const startedMs = performance.now();
    const heap: number[] = [];
    let run = 0;
    for (; run < runs && this.#findings.size < FINDINGS_MAX; run++) {
      const nowMs = performance.now();
      if (nowMs >= untilMs) break;
      const done = Math.max(run / runs, (nowMs - startedMs) / (untilMs - startedMs));
      if (heapBytes !== undefined && done >= (heap.length + 1) / QUARTERS) heap.push(heapBytes());
      await this.#try(first[run] ?? this.#next());
    }
    const elapsedMs = performance.now() - startedMs;
    if (heapBytes !== undefined) {
      heap.push(heapBytes());
      this.#watchGrowth(heap);
    }
    const outcomes = this.#target.outcomes.map((word, index): [string, number] => [word, this.#counts[index] ?? 0]);
    return {
      runs: run,
      elapsedMs,
      outcomes: Object.fromEntries(outcomes.filter(([, count]) => count > 0)),
      slowestMs: this.#slowestMs,
      kept: this.#kept,
      heapBytes: heap,
      findings: [...this.#findings.values()],
    };
  }

  #next(): Uint8Array {
    const random = this.#random;
    const takesLong = this.#long.length > 0 && (this.#short.length === 0 || random.oneIn(LONG_ONE_IN));
    const inputs = takesLong ? this.#long : this.#short;
    // What was new is often odd already: half of the time an ordinary input, one step from which few have been.
    const own = takesLong ? this.#ownLong : this.#ownShort;
    const input = random.oneIn(2) && own > 0 ? (inputs[random.below(own)] ?? random.pick(inputs)) : random.pick(inputs);
    const changed = this.#target.mutate(input, random, this.#short.length === 0 ? this.#long : this.#short);
    return changed.length > this.#target.maxBytes ? changed.slice(0, this.#target.maxBytes) : changed;
  }

  async #try(input: Uint8Array): Promise<void> {
    const target = this.#target;
    this.#options.onInput?.(input);
    const beforeMs = performance.now();
    try {
      const outcome = target.run(input);
      const code = typeof outcome === "number" ? outcome : await outcome;
      const tookMs = performance.now() - beforeMs;
      const index = code & 0xff;
      this.#counts[index] = (this.#counts[index] ?? 0) + 1;
      if (tookMs > this.#triedMs) await this.#noteTime(input);
      if (!this.#known.has(code) && this.#known.size < KEPT_MAX) {
        this.#known.add(code);
        this.#kept++;
        (input.length > LONG_BYTES ? this.#long : this.#short).push(input.slice());
      }
    } catch (error) {
      await this.#report("error", describe(error), input, async (candidate) => (await this.#error(candidate)) ?? "");
    }
  }

  async #noteTime(input: Uint8Array): Promise<void> {
    const { slowMs } = this.#target;
    const triedMs = await this.#leastMs(input, "run", this.#triedMs);
    if (triedMs <= this.#triedMs) return;
    // Whatever takes longer than it may with the checks is timed without them.
    this.#triedMs = Math.min(triedMs, slowMs);
    const ownMs = await this.#ownMs(input, triedMs, this.#slowestMs);
    if (ownMs > this.#slowestMs) this.#slowestMs = ownMs;
    if (ownMs <= slowMs) return;
    const message = `takes more than ${slowMs} ms`;
    const messageOf = async (candidate: Uint8Array): Promise<string> => {
      const candidateMs = await this.#leastMs(candidate, "run", slowMs);
      return candidateMs > slowMs && (await this.#ownMs(candidate, candidateMs, slowMs)) > slowMs ? message : "";
    };
    await this.#report("slow", message, input, messageOf);
  }

  /** Without the checks. @param triedMs with them */
  async #ownMs(input: Uint8Array, triedMs: number, enoughMs: number): Promise<number> {
    return this.#target.runUnchecked === undefined ? triedMs : this.#leastMs(input, "runUnchecked", enoughMs);
  }

  /** Milliseconds that an input takes at least. */
  #leastMs(input: Uint8Array, how: "run" | "runUnchecked", enoughMs: number): Promise<number> {
    const run = async (): Promise<void> => {
      this.#options.onInput?.(input);
      await this.#target[how]?.(input);
    };
    return leastCpuMs(run, enoughMs, this.#target.slowMs);
  }

  /** What an input throws. @returns undefined when it throws nothing */
  async #error(input: Uint8Array): Promise<string | undefined> {
    this.#options.onInput?.(input);
    try {
      await this.#target.run(input);
      return undefined;
    } catch (error) {
      return describe(error);
    }
  }

  async #report(
    kind: FindingKind,
    message: string,
    input: Uint8Array,
    messageOf: (candidate: Uint8Array) => Promise<string>,
  ): Promise<void> {
    const key = keyOf(kind, message);
    if (this.#findings.has(key)) return;
    const failsAlike = async (candidate: Uint8Array): Promise<boolean> =>
      keyOf(kind, await messageOf(candidate)) === key;
    const plain = this.#target.form === "hex" ? 0 : undefined;
    const smallest = await minimize(input, failsAlike, performance.now() + MINIMIZE_MS, plain);
    this.#findings.set(key, { kind, message, input: smallest.slice() });
  }

  #watchGrowth(heap: readonly number[]): void {
    const grownBytes = (heap.at(-1) ?? 0) - (heap[0] ?? 0);
    if (heap.length < QUARTERS || grownBytes <= GROWTH_MAX_BYTES) return;
    const message = `the heap grew by ${grownBytes} bytes: ${heap.join(", ")}`;
    this.#findings.set("memory", { kind: "memory", message, input: new Uint8Array(0) });
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `throws ${String(error)}`;
  const frame = error.stack?.split("\n").find((line) => line.includes("/src/"));
  const place = frame === undefined ? "" : ` (src/${frame.slice(frame.lastIndexOf("/src/") + 5).replace(/\)$/, "")})`;
  return `${error.constructor.name}: ${error.message}${place}`;
}

/** The same mistake for another input: quotes and numbers do not count, but the place in the code does. */
function keyOf(kind: FindingKind, message: string): string {
  const [what = "", place = ""] = message.split(" (src/", 2);
  return `${kind} ${what.replaceAll(/"[^"]*"|'[^']*'|\d+/g, "_").slice(0, 200)} ${place}`;
}
