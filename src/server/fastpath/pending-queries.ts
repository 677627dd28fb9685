/**
 * Queries that the main thread has in hand, in memory that outlives it: whoever comes after a dead server asks them again.
 *
 *   region:  0        64
 *            | unused | slots of 512 …
 *
 *   slot:    0          4       8            16           44              48          88       512
 *            | used u32 | id    | received f64 | sockaddr[28] | control len   | control[40] | query …
 *
 * `used` is the length of the query in its lower half, 0 in a free slot, and how many servers have died with it before in its
 * upper; it is written last. A query with which three have died is not asked again: it may be what kills them. A query that is longer than its place (no resolver
 * sends such) is not kept, nor is one that finds no free slot: they are lost with their server.
 */
import { SOCKADDR_MAX_BYTES } from "../../base/address.ts";
import type { LeftQuery } from "./left-query.ts";
import type { QueryRecord } from "./query-record.ts";

const NOTHING = new Uint8Array(0);
const SLOTS_AT = 64;
const SLOT_BYTES = 512;
const ID_AT = 4;
const RECEIVED_AT = 8;
const SOCKADDR_AT = 16;
const CONTROL_LENGTH_AT = 44;
const CONTROL_AT = 48;
const CONTROL_MAX_BYTES = 40;
const QUERY_AT = 88;
const DEATHS_SHIFT = 16;
const DEATHS_MAX = 3;
const QUERY_MAX_BYTES: number = SLOT_BYTES - QUERY_AT;
/** As many as may be in flight by default. */
const SLOTS = 16_384;

/** Bytes of the region; pages that were never used cost nothing. */
export const PENDING_BYTES: number = SLOTS_AT + SLOTS * SLOT_BYTES;

/** The server's end. */
export class PendingQueries {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  /** Slots that were used and are free again, the one freed last first, so that few pages are touched. */
  readonly #free: number[];
  #unused: number;

  /** @param buffer `PENDING_BYTES`, zeroed */
  constructor(buffer: ArrayBufferLike) {
    this.#bytes = new Uint8Array(buffer, 0, PENDING_BYTES);
    this.#words = new Int32Array(buffer, 0, PENDING_BYTES >> 2);
    this.#floats = new Float64Array(buffer, 0, PENDING_BYTES >> 3);
    this.#free = [];
    this.#unused = 0;
  }

  /** Copies the query that `record` stands on. @returns its slot for `free`; -1 when it is not kept */
  put(record: QueryRecord): number {
    const { id, receivedAtMs, bytes, payloadAt, length, sockaddrAt, controlAt, controlLength } = record;
    return this.#write(
      id,
      receivedAtMs,
      bytes,
      payloadAt,
      length,
      0,
      bytes,
      sockaddrAt,
      bytes,
      controlAt,
      controlLength,
    );
  }

  /** The same for a query that a server before this one left. */
  putLeft({ listener, receivedAtMs, wire, sockaddr, control, deaths }: LeftQuery): number {
    const { length } = wire;
    const packetInfo = control ?? NOTHING;
    return this.#write(listener, receivedAtMs, wire, 0, length, deaths, sockaddr, 0, packetInfo, 0, packetInfo.length);
  }

  /** The query is answered, or will not be. @param slot -1 is ignored */
  free(slot: number): void {
    if (slot < 0) return;
    this.#words[(SLOTS_AT + slot * SLOT_BYTES) >> 2] = 0;
    this.#free.push(slot);
  }

  #write(
    id: number,
    receivedAtMs: number,
    from: Uint8Array,
    queryAt: number,
    length: number,
    deaths: number,
    sockaddr: Uint8Array,
    sockaddrAt: number,
    control: Uint8Array,
    controlAt: number,
    controlLength: number,
  ): number {
    if (length > QUERY_MAX_BYTES) return -1;
    const slot = this.#free.pop() ?? (this.#unused < SLOTS ? this.#unused++ : -1);
    if (slot < 0) return -1;
    const at = SLOTS_AT + slot * SLOT_BYTES;
    const bytes = this.#bytes;
    this.#words[(at + ID_AT) >> 2] = id;
    this.#floats[(at + RECEIVED_AT) >> 3] = receivedAtMs;
    for (let i = 0; i < SOCKADDR_MAX_BYTES; i++) bytes[at + SOCKADDR_AT + i] = sockaddr[sockaddrAt + i] ?? 0;
    const kept = controlLength > CONTROL_MAX_BYTES ? 0 : controlLength;
    this.#words[(at + CONTROL_LENGTH_AT) >> 2] = kept;
    for (let i = 0; i < kept; i++) bytes[at + CONTROL_AT + i] = control[controlAt + i] ?? 0;
    for (let i = 0; i < length; i++) bytes[at + QUERY_AT + i] = from[queryAt + i] ?? 0;
    this.#words[at >> 2] = length | (deaths << DEATHS_SHIFT);
    return slot;
  }
}

/** What stands in the region of a server that is dead. Copies. @param buffer whatever stands in it, nothing throws */
export function leftInPending(buffer: ArrayBufferLike): LeftQuery[] {
  const left: LeftQuery[] = [];
  if (buffer.byteLength < PENDING_BYTES) return left;
  const bytes = new Uint8Array(buffer, 0, PENDING_BYTES);
  const words = new Int32Array(buffer, 0, PENDING_BYTES >> 2);
  for (let slot = 0; slot < SLOTS; slot++) {
    const at = SLOTS_AT + slot * SLOT_BYTES;
    const used = words[at >> 2] ?? 0;
    const length = used & ((1 << DEATHS_SHIFT) - 1);
    const deaths = (used >>> DEATHS_SHIFT) + 1;
    if (length === 0 || length > QUERY_MAX_BYTES || deaths >= DEATHS_MAX) continue;
    const controlLength = words[(at + CONTROL_LENGTH_AT) >> 2] ?? 0;
    const hasControl = controlLength > 0 && controlLength <= CONTROL_MAX_BYTES;
    left.push({
      listener: words[(at + ID_AT) >> 2] ?? 0,
      receivedAtMs: new Float64Array(buffer, at + RECEIVED_AT, 1)[0] ?? 0,
      wire: bytes.slice(at + QUERY_AT, at + QUERY_AT + length),
      sockaddr: bytes.slice(at + SOCKADDR_AT, at + CONTROL_LENGTH_AT),
      control: hasControl ? bytes.slice(at + CONTROL_AT, at + CONTROL_AT + controlLength) : undefined,
      deaths,
    });
  }
  return left;
}
