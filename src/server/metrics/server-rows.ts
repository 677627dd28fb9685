/**
 * Counters of each server, zone and view, in memory shared by the threads: one page of rows a thread.
 *
 * Each thread writes its own page only, so nothing is locked; a scrape adds the pages up. The functions below are for
 * hot code: no allocation, no throw. `at` is what `ServerRows.rowAt` gave for the calling thread.
 */
import { BUCKETS } from "./buckets.ts";
import {
  BYTES_SLOTS,
  CACHE_HITS_AT,
  CACHE_MISSES_AT,
  CACHE_STALE_AT,
  DO_AT,
  DURATION_AT,
  OTHER_TYPE,
  RCODE_SLOTS,
  REQUESTS_AT,
  REQUEST_SIZE_AT,
  RESPONDING_PLUGINS,
  RESPONSES_AT,
  RESPONSE_SIZE_AT,
  ROW_FLOATS,
  SECONDS_SLOTS,
  SIZE_FLOATS,
  TYPE_LABELS,
  TYPE_SLOTS,
} from "./row-layout.ts";

/** Rows, the one for all that find no other (`OVERFLOW_ROW`) included. */
export const MAX_ROWS = 256;
/** Row of the servers, zones and views that came when all rows were taken. */
export const OVERFLOW_ROW = 0;

/** Goes to another thread by structured clone; the memory is shared, not copied. */
export interface ServerRowsHandle {
  readonly buffer: SharedArrayBuffer;
  readonly threads: number;
}

export class ServerRows {
  readonly floats: Float64Array;
  readonly handle: ServerRowsHandle;

  constructor(handle: ServerRowsHandle) {
    this.handle = handle;
    this.floats = new Float64Array(handle.buffer);
  }

  /** Pages are given by the kernel when first touched: rows that are never used cost nothing. */
  static create(threads: number): ServerRows {
    const bytes = threads * MAX_ROWS * ROW_FLOATS * Float64Array.BYTES_PER_ELEMENT;
    return new ServerRows({ buffer: new SharedArrayBuffer(bytes), threads });
  }

  /** Index of the row's first float in the page of `thread` (0 is the main thread). */
  rowAt(thread: number, row: number): number {
    return (thread * MAX_ROWS + row) * ROW_FLOATS;
  }
}

/**
 * Counts a query: `coredns_dns_requests_total`, `_request_size_bytes`, `_do_requests_total`.
 *
 * @param transport 0 UDP, 1 TCP
 * @param family 0 IPv4, 1 IPv6
 * @param sizeBytes of the query as received
 */
export function countRequest(
  floats: Float64Array,
  at: number,
  transport: number,
  family: number,
  qtype: number,
  sizeBytes: number,
  dnssecOk: boolean,
): void {
  const slot = qtype < 256 ? (TYPE_SLOTS[qtype] ?? OTHER_TYPE) : OTHER_TYPE;
  add(floats, at + REQUESTS_AT + (transport * 2 + family) * TYPE_LABELS.length + slot, 1);
  addSize(floats, at + REQUEST_SIZE_AT + transport * SIZE_FLOATS, sizeBytes);
  if (dnssecOk) add(floats, at + DO_AT, 1);
}

/**
 * Counts a response: `coredns_dns_responses_total`, `_response_size_bytes`.
 *
 * @param rcode extended, 0 to 4095
 * @param pluginIndex into `RESPONDING_PLUGINS`
 * @param sizeBytes of the response as sent
 */
export function countResponse(
  floats: Float64Array,
  at: number,
  transport: number,
  rcode: number,
  pluginIndex: number,
  sizeBytes: number,
): void {
  const slot = rcode < RCODE_SLOTS - 1 ? rcode : RCODE_SLOTS - 1;
  add(floats, at + RESPONSES_AT + slot * RESPONDING_PLUGINS.length + pluginIndex, 1);
  addSize(floats, at + RESPONSE_SIZE_AT + transport * SIZE_FLOATS, sizeBytes);
}

/** `coredns_dns_request_duration_seconds`. A clock that stood still gives 0, which is counted. */
export function countDuration(floats: Float64Array, at: number, seconds: number): void {
  let slot = 0;
  while (slot < SECONDS_SLOTS - 1 && seconds > (SECONDS_BOUNDS[slot] ?? 0)) slot++;
  add(floats, at + DURATION_AT, seconds);
  add(floats, at + DURATION_AT + 1 + slot, 1);
}

/** `coredns_cache_hits_total` and `coredns_cache_requests_total`. @param kind 0 success, 1 denial */
export function countCacheHit(floats: Float64Array, at: number, kind: number): void {
  add(floats, at + CACHE_HITS_AT + kind, 1);
}

/** `coredns_cache_misses_total` and `coredns_cache_requests_total`: once a query, by the thread that gives it up. */
export function countCacheMiss(floats: Float64Array, at: number): void {
  add(floats, at + CACHE_MISSES_AT, 1);
}

/** `coredns_cache_served_stale_total`. The hit itself is counted apart. */
export function countServedStale(floats: Float64Array, at: number): void {
  add(floats, at + CACHE_STALE_AT, 1);
}

const SECONDS_BOUNDS = Float64Array.from(BUCKETS.seconds);
const BYTES_BOUNDS = Int32Array.from(BUCKETS.bytes);

function addSize(floats: Float64Array, at: number, bytes: number): void {
  let slot = 0;
  while (slot < BYTES_SLOTS - 1 && bytes > (BYTES_BOUNDS[slot] ?? 0)) slot++;
  add(floats, at, bytes);
  add(floats, at + 1 + slot, 1);
}

function add(floats: Float64Array, index: number, by: number): void {
  floats[index] = (floats[index] ?? 0) + by;
}
