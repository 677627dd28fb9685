/**
 * What the partition numbers in a region mean, for whoever takes its entries over: partitions are numbered by each
 * process for itself.
 *
 *   0       4             36        52                          64
 *   | check | signature … | rules … | success, denial, failure |
 *
 * `check` is written last and cleared first, so a record that is half written when its writer dies says nothing. A record
 * changes only while its partition holds no entries; entries of a number without record are lost to others.
 */
import { createHash } from "node:crypto";
import type { CacheLimits } from "./entry-queues.ts";
import type { Region } from "./region.ts";
import { PARTITION_WORDS } from "./region-layout.ts";
import { wordsCheck } from "./slot-check.ts";

const SIGNATURE_AT = 1;
const SIGNATURE_WORDS = 8;
const RULES_AT = 9;
const RULES_WORDS = 4;
const LIMITS_AT = 13;
const CHECK_SEED = 0x50617274;
/** More entries than this no partition is given. */
const LIMIT_MAX = 1 << 26;

/** Limits, with the digest of their rules in place of these. */
export interface PartitionRecord {
  /** From `signatureDigest`. */
  readonly signature: string;
  readonly limits: Required<Pick<CacheLimits, "success" | "denial" | "failure" | "rules">>;
}

/** Stands for a signature, here and in other processes. */
export function signatureDigest(signature: string): string {
  return digest(signature, SIGNATURE_WORDS);
}

/** Stands for the rules of `CacheLimits`. */
export function rulesDigest(rules: string): string {
  return digest(rules, RULES_WORDS);
}

export class PartitionTable {
  readonly #words: Int32Array;
  readonly #firstWord: number;
  readonly #count: number;

  constructor(region: Region) {
    this.#words = region.words;
    this.#firstWord = region.geometry.partitionsWord;
    this.#count = region.geometry.partitions;
  }

  /** Numbers are 1 to this. */
  get count(): number {
    return this.#count;
  }

  /** Only for a partition that holds no entries, or of which it is true. */
  set(partition: number, record: PartitionRecord): void {
    if (partition > this.#count) return;
    this.clear(partition);
    writePartition(this.#words, this.#at(partition), record);
  }

  /** The number is about to mean something else. */
  clear(partition: number): void {
    if (partition <= this.#count) Atomics.store(this.#words, this.#at(partition), 0);
  }

  /** The record's check sum; 0 when there is none. */
  mark(partition: number): number {
    return partition >= 1 && partition <= this.#count ? (this.#words[this.#at(partition)] ?? 0) : 0;
  }

  /** @returns undefined when nothing is known of it */
  get(partition: number): PartitionRecord | undefined {
    return partition >= 1 && partition <= this.#count ? readPartition(this.#words, this.#at(partition)) : undefined;
  }

  #at(partition: number): number {
    return this.#firstWord + (partition - 1) * PARTITION_WORDS;
  }
}

/** Writes a record of `PARTITION_WORDS` words. */
export function writePartition(words: Int32Array, at: number, { signature, limits }: PartitionRecord): void {
  words.set(fromHex(signature), at + SIGNATURE_AT);
  words.set(fromHex(limits.rules), at + RULES_AT);
  words[at + LIMITS_AT] = Math.min(limits.success, LIMIT_MAX);
  words[at + LIMITS_AT + 1] = Math.min(limits.denial, LIMIT_MAX);
  words[at + LIMITS_AT + 2] = Math.min(limits.failure, LIMIT_MAX);
  Atomics.store(words, at, checkOf(words, at));
}

/** @param words anybody's @returns undefined when no whole record stands there */
export function readPartition(words: Int32Array, at: number): PartitionRecord | undefined {
  // Read once, judged after: the memory may be changing.
  const copy = words.slice(at, at + PARTITION_WORDS);
  const [check = 0] = copy;
  const [success = 0, denial = 0, failure = 0] = copy.subarray(LIMITS_AT);
  if (copy.length !== PARTITION_WORDS || check === 0 || check !== checkOf(copy, 0)) return undefined;
  if ([success, denial, failure].some((limit) => limit < 0 || limit > LIMIT_MAX)) return undefined;
  const rules = toHex(copy.subarray(RULES_AT, RULES_AT + RULES_WORDS));
  return {
    signature: toHex(copy.subarray(SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_WORDS)),
    limits: { success, denial, failure, rules },
  };
}

/** Never 0, which stands for no record. */
function checkOf(words: Int32Array, at: number): number {
  return wordsCheck(words, at + 1, at + PARTITION_WORDS, CHECK_SEED) || 1;
}

function digest(text: string, words: number): string {
  return createHash("sha256")
    .update(text)
    .digest("hex")
    .slice(0, words * 8);
}

function fromHex(hex: string): Int32Array {
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
  return new Int32Array(bytes.buffer, 0, bytes.length >> 2);
}

function toHex(words: Int32Array): string {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength).toString("hex");
}
