/**
 * Queries that a dead server had received and perhaps not answered, out of the memory that outlived it. All are asked again; a
 * client that gets two answers takes the first.
 */
import { SOCKADDR_MAX_BYTES } from "../../base/address.ts";
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_CD,
  FLAG_QR,
  FLAG_RD,
  FLAGS_AT,
  HEADER_BYTES,
  NSCOUNT_AT,
  QDCOUNT_AT,
  readU16,
  writeU16,
} from "../../dns/header.ts";
import { nameLength } from "../../dns/name.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT } from "../../dns/query-view.ts";
import { unfinishedDatagrams } from "../../linux/unfinished-batch.ts";
import { DEATHS_SHIFT, type LeftQuery } from "./left-query.ts";
import { leftInPending } from "./pending-queries.ts";
import type { Relay } from "./fast-path.ts";
import { KIND_QUERY, RECORD_HEADER_BYTES, RelayReader, RING_REGION_BYTES } from "./relay-ring.ts";

/** What stands in a fast-path thread's batch. @param nowMs when they came is not known: it was just before */
export function leftInBatch(buffer: ArrayBufferLike, nowMs: number): LeftQuery[] {
  return unfinishedDatagrams(buffer).flatMap(({ owner, payload, room, sockaddr, control }) => {
    const wire = owner < 0 ? undefined : asQuery(payload, room);
    if (wire === undefined) return [];
    const sender = sockaddr.slice(0, SOCKADDR_MAX_BYTES);
    return [{ listener: owner, wire, sockaddr: sender, control: control?.slice(), receivedAtMs: nowMs, deaths: 1 }];
  });
}

/**
 * Takes what stands in a relay ring, one after the other. A query leaves the ring when `take` has returned: who dies before
 * that leaves it there.
 *
 * @param most of them; default: all
 */
export function drainRing(
  buffer: ArrayBufferLike,
  take: (query: LeftQuery) => void,
  most: number = RING_REGION_BYTES / RECORD_HEADER_BYTES,
): void {
  if (buffer.byteLength < RING_REGION_BYTES) return;
  const reader = new RelayReader(buffer);
  // The step comes first: it is what takes the record before out of the ring.
  for (let left = most; reader.next() && left > 0; left--) {
    take({
      listener: reader.id,
      wire: reader.payload().slice(),
      sockaddr: reader.sockaddr().slice(),
      control: reader.control()?.slice(),
      receivedAtMs: reader.receivedAtMs,
      deaths: reader.kind >> DEATHS_SHIFT,
    });
  }
}

/** What stands in a relay ring, which is empty after that. */
export function leftInRing(buffer: ArrayBufferLike): LeftQuery[] {
  const left: LeftQuery[] = [];
  drainRing(buffer, (query) => left.push(query));
  return left;
}

/** Puts a query into a relay ring, as `drainRing` takes it out. @returns false when the ring is full */
export function pushLeft(ring: Relay, left: LeftQuery): boolean {
  const { listener, wire, sockaddr, control, receivedAtMs, deaths } = left;
  const controlAt = wire.length + sockaddr.length;
  const memory = new Uint8Array(controlAt + (control?.length ?? 0));
  memory.set(wire);
  memory.set(sockaddr, wire.length);
  if (control !== undefined) memory.set(control, controlAt);
  return ring.push(
    KIND_QUERY | (deaths << DEATHS_SHIFT),
    listener,
    receivedAtMs,
    memory,
    0,
    wire.length,
    wire.length,
    controlAt,
    control?.length ?? 0,
  );
}

/** What stands in memory of the kind that `FfiFront.regions` names: `batch`, `ring`, `pending`. */
export function leftIn(kind: string | undefined, buffer: ArrayBufferLike, nowMs: number): LeftQuery[] {
  switch (kind) {
    case "batch":
      return leftInBatch(buffer, nowMs);
    case "ring":
      return leftInRing(buffer);
    case "pending":
      return leftInPending(buffer);
    default:
      return [];
  }
}

const view = new QueryView();

/**
 * The query in a slot where a reply may have been begun. Replies are written behind the client's own question, over its OPT:
 * where that is so, what is left to ask is the bare question.
 *
 * @returns undefined when there is none
 */
function asQuery(payload: Uint8Array, room: Uint8Array): Uint8Array | undefined {
  if (payload.length < HEADER_BYTES) return undefined;
  const flags = readU16(payload, FLAGS_AT);
  const wire = payload.slice();
  if ((flags & FLAG_QR) === 0 && admitQuery(wire, 0, wire.length, view) === VERDICT_ACCEPT) {
    // What stands behind the query is not its own.
    return wire.slice(0, view.hasOpt ? view.optionsAt + view.optionsLength : view.questionEnd);
  }
  const named = nameLength(room, HEADER_BYTES, room.length - 4);
  if (named < 0) return undefined;
  const bare = room.slice(0, HEADER_BYTES + named + 4);
  writeU16(bare, FLAGS_AT, flags & (FLAG_RD | FLAG_CD));
  writeU16(bare, QDCOUNT_AT, 1);
  for (const at of [ANCOUNT_AT, NSCOUNT_AT, ARCOUNT_AT]) writeU16(bare, at, 0);
  return bare;
}
