/**
 * What upstreams have just said, for the time without a server: each question is put to them once in some seconds, not each
 * time that a client has it. A server's store cannot be written by anybody else.
 */
import { FLAG_CD, HEADER_BYTES } from "../../dns/header.ts";
import { lowerCaseName, NAME_MAX_BYTES } from "../../dns/name.ts";
import { ageTtls } from "../../dns/patch.ts";
import type { QueryView } from "../../dns/query-view.ts";
import { ResponseScan, scanResponse, TTL_NONE } from "../../dns/response-scan.ts";
import { RCODE_NOERROR, RCODE_NXDOMAIN } from "../../dns/types.ts";

/** However long an answer may be kept. */
const LIFE_S = 5;
/** Twice so many at most: then the older half is forgotten. */
const HALF = 2048;
const ANSWER_MAX_BYTES = 2048;

interface Said {
  readonly wire: Uint8Array;
  readonly ttlAts: Uint16Array;
  readonly atMs: number;
  readonly untilMs: number;
}

export class AnswerMemo {
  /** The newer half, and the older one. */
  #said: Map<string, Said>;
  #before: Map<string, Said>;
  readonly #scan: ResponseScan;
  readonly #aged: Uint8Array;

  constructor() {
    this.#said = new Map();
    this.#before = new Map();
    this.#scan = new ResponseScan();
    this.#aged = new Uint8Array(ANSWER_MAX_BYTES);
  }

  /** @param wire without OPT; copied */
  put(key: string, wire: Uint8Array, nowMs: number): void {
    const scan = this.#scan;
    if (wire.length > ANSWER_MAX_BYTES || scanResponse(wire, 0, wire.length, scan) < 0) return;
    // Without any record there is no saying for how long (RFC 2308 §5).
    const lifeS = scan.minTtl === TTL_NONE ? 0 : Math.min(scan.minTtl, LIFE_S);
    if (lifeS <= 0 || (scan.rcode !== RCODE_NOERROR && scan.rcode !== RCODE_NXDOMAIN)) return;
    if (this.#said.size >= HALF) {
      this.#before = this.#said;
      this.#said = new Map();
    }
    this.#said.set(key, {
      wire: wire.slice(),
      ttlAts: scan.ttlAts.slice(0, scan.ttlCount),
      atMs: nowMs,
      untilMs: nowMs + lifeS * 1000,
    });
  }

  /** @returns an answer with its TTLs aged, valid until the next call; undefined when nothing was said lately */
  get(key: string, nowMs: number): Uint8Array | undefined {
    const said = this.#said.get(key) ?? this.#before.get(key);
    if (said === undefined || said.untilMs <= nowMs) return undefined;
    const wire = this.#aged.subarray(0, said.wire.length);
    wire.set(said.wire);
    const ageS = Math.floor((nowMs - said.atMs) / 1000);
    if (ageS > 0) ageTtls(wire, 0, said.ttlAts, said.ttlAts.length, ageS, 0);
    return wire;
  }

  clear(): void {
    this.#said.clear();
    this.#before.clear();
  }
}

const question = Buffer.alloc(NAME_MAX_BYTES + 4);

/**
 * The same for two queries that one answer serves.
 *
 * @param listener that they came by: it decides who is asked
 * @param wire of a query that was admitted
 */
export function memoKey(listener: number, wire: Uint8Array, view: QueryView): string {
  const { nameLength, questionEnd, dnssecOk, flags } = view;
  question.set(wire.subarray(HEADER_BYTES, questionEnd));
  lowerCaseName(question, 0, nameLength);
  const variant = (dnssecOk ? 1 : 0) | ((flags & FLAG_CD) === 0 ? 0 : 2);
  return `${listener} ${variant} ${question.toString("latin1", 0, questionEnd - HEADER_BYTES)}`;
}
