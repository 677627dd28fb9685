/**
 * Counters of each thread that belong to no server or zone, in memory shared by the threads: one page a thread.
 *
 * The main thread has a page too (it drops, refuses and answers where there is no fast path). A page is `PAGE_FLOATS`
 * doubles, written by its thread only; the constants that end in `_AT` are offsets in it. Hot code adds with
 * `addTo(floats, page + HITS_AT, 1)`, where `page` is what `FastpathCounters.pageAt` gave.
 */
import { BUCKETS } from "./buckets.ts";
import { RCODE_SLOTS } from "./row-layout.ts";

/** Why a datagram got no reply: index into the label values of `nodens_dropped_total`. */
export const DROP_REASONS: readonly string[] = [
  "short",
  "response",
  "oversized",
  "ring_full",
  "kernel_queue",
  "plugin",
  "other",
];
/** Less than a DNS header. */
export const DROP_SHORT = 0;
/** The QR bit is set: answering it could make two servers talk for ever. */
export const DROP_RESPONSE = 1;
/** Longer than the receive buffer. */
export const DROP_OVERSIZED = 2;
/** The main thread is too far behind. */
export const DROP_RING_FULL = 3;
/** The kernel's socket buffer was full (SO_RXQ_OVFL). */
export const DROP_KERNEL_QUEUE = 4;
/** A plugin asked for no reply. */
export const DROP_PLUGIN = 5;
/** As many queries as allowed are being answered already. */
export const DROP_OTHER = 6;

/** Why a reply did not leave: index into the label values of `nodens_fastpath_send_errors_total`. */
export const SEND_ERROR_REASONS: readonly string[] = ["would_block", "other"];
/** EAGAIN, ENOBUFS: the send buffer is full. */
export const SEND_WOULD_BLOCK = 0;
/** Such as no route, or a packet filter that said no. */
export const SEND_OTHER = 1;

// What each turn counts stands in the first cache line.
export const DATAGRAMS_AT = 0;
export const HITS_AT = 1;
export const WAKE_UPS_AT = 2;
/** A count for each bucket of `BUCKETS.batch`, +Inf last; `countBatch` writes it. */
export const BATCHES_AT = 3;
export const BATCH_SLOTS: number = BUCKETS.batch.length + 1;
export const HANDED_OVER_AT: number = BATCHES_AT + BATCH_SLOTS;
export const UPSTREAM_DATAGRAMS_AT: number = HANDED_OVER_AT + 1;
export const GSO_PAIRS_AT: number = HANDED_OVER_AT + 2;
export const TORN_READS_AT: number = HANDED_OVER_AT + 3;
export const RING_FULL_AT: number = HANDED_OVER_AT + 4;
/** Add `DROP_…`. */
export const DROPS_AT: number = HANDED_OVER_AT + 5;
/** Add `SEND_…`. */
export const SEND_ERRORS_AT: number = DROPS_AT + DROP_REASONS.length;
/** Add the response code, 0 to 23. */
export const REFUSALS_AT: number = SEND_ERRORS_AT + SEND_ERROR_REASONS.length;

/** Whole cache lines, and one to spare so that two threads never write to one. */
export const PAGE_FLOATS: number = Math.ceil((REFUSALS_AT + RCODE_SLOTS) / 8) * 8 + 8;

/** Goes to another thread by structured clone; the memory is shared, not copied. */
export interface FastpathCountersHandle {
  readonly buffer: SharedArrayBuffer;
  readonly threads: number;
}

export class FastpathCounters {
  readonly floats: Float64Array;
  readonly handle: FastpathCountersHandle;

  constructor(handle: FastpathCountersHandle) {
    this.handle = handle;
    this.floats = new Float64Array(handle.buffer);
  }

  static create(threads: number): FastpathCounters {
    const bytes = threads * PAGE_FLOATS * Float64Array.BYTES_PER_ELEMENT;
    return new FastpathCounters({ buffer: new SharedArrayBuffer(bytes), threads });
  }

  /** Index of the first float of a thread's page (0 is the main thread). */
  pageAt(thread: number): number {
    return thread * PAGE_FLOATS;
  }
}

export function addTo(floats: Float64Array, index: number, by: number): void {
  floats[index] = (floats[index] ?? 0) + by;
}

/** Counts one receive call. @param datagrams it brought; at least 1 */
export function countBatch(floats: Float64Array, page: number, datagrams: number): void {
  // Bounds are powers of two: 1 -> 0, 2 -> 1, 3..4 -> 2, … 33..64 -> 6, more -> 7.
  const slot = 32 - Math.clz32(datagrams - 1);
  addTo(floats, page + BATCHES_AT + (slot < BATCH_SLOTS ? slot : BATCH_SLOTS - 1), 1);
  addTo(floats, page + DATAGRAMS_AT, datagrams);
}

/** @param reason one of `DROP_…` */
export function countDrop(floats: Float64Array, page: number, reason: number, by = 1): void {
  addTo(floats, page + DROPS_AT + reason, by);
}

/** @param rcode extended; 24 and above are counted together */
export function countRefusal(floats: Float64Array, page: number, rcode: number): void {
  addTo(floats, page + REFUSALS_AT + (rcode < RCODE_SLOTS - 1 ? rcode : RCODE_SLOTS - 1), 1);
}
