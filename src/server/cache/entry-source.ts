/** Where entries are taken over from: another process's region, or a cache file. */
import type { EntryCopy } from "./entry-copy.ts";
import type { PartitionRecord } from "./partition-table.ts";

export interface EntrySource {
  /** `floor(CLOCK_MONOTONIC in seconds)` of this machine in the source's second 0; may be negative. */
  readonly baseS: number;

  /** What a partition number means there. @returns undefined when that is not known */
  partition(number: number): PartitionRecord | undefined;

  /**
   * Copies the next entry, the popular ones first. What is copied is not judged yet (`EntryCopy.isWhole`).
   *
   * @returns "unreadable" when there was one that was being written or made no sense
   */
  next(copy: EntryCopy): "copied" | "unreadable" | "end";
}

/** What became of the entries of a source. */
export interface ImportReport {
  taken: number;
  /** Too old even to be stale. */
  expired: number;
  /** Damaged, being written, or of a partition that nothing is known of. */
  unreadable: number;
  /** The store had an answer of its own, other rules, or no room left. */
  unwanted: number;
  /** False when time ran out before all had been looked at. */
  complete: boolean;
  durationMs: number;
}
