/** What can be fuzzed: a way to make inputs, and what must hold for every one of them. */
import type { Random } from "./random.ts";

export interface Target {
  readonly name: string;
  /** What inputs are, in files: bytes as hex, or text as it is (UTF-8). */
  readonly form: "hex" | "text";
  /** Inputs to begin with: ordinary ones, of every kind. */
  readonly corpus: readonly Uint8Array[];
  /** Longest input in bytes. */
  readonly maxBytes: number;
  /** An input that takes longer is a finding. */
  readonly slowMs: number;
  /** Words for the low eight bits of what `run` gives. */
  readonly outcomes: readonly string[];
  /** @param inputs that may lend their parts; not empty */
  mutate(input: Uint8Array, random: Random, inputs: readonly Uint8Array[]): Uint8Array;
  /**
   * Tries one input. What it does depends on the input alone.
   *
   * @param input the callee must not change it
   * @returns what became of it: index into `outcomes`, and above that any detail by which an input is new
   * @throws {BrokenPromise} or anything else: a finding
   */
  run(input: Uint8Array): number | Promise<number>;
  /**
   * The code itself, without the checks: what is timed when `run` takes too long. Absent: the checks take next to
   * nothing.
   */
  runUnchecked?(input: Uint8Array): Promise<void>;
}

/** Something that must hold for every input does not. */
export class BrokenPromise extends Error {}

/** @param promise what must hold, as a sentence */
export function check(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new BrokenPromise(promise);
}
