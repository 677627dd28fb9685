/** Replies of upstreams for scenarios: records as data, and messages that no server should send. */
import {
  type Reaction,
  respond,
  type Script,
  type ScriptedRecord,
  type ScriptedResponse,
  type UpstreamQuery,
  wireName,
} from "../support/scripted-upstream.ts";

/** The SOA that `soa(…)` of the scripted upstream writes, as a line of a reply. */
export function soaLine(ttl: number, minimum: number): string {
  return `auth . ${ttl} SOA ns. root. 1 7200 3600 86400 ${minimum}`;
}

/** An A record; owner as text relative to nothing, or the question's name. */
export function a(address: string, ttl = 60, owner?: string): ScriptedRecord {
  const rdata = Uint8Array.from(address.split("."), Number);
  return { type: 1, ttl, rdata, ...(owner === undefined ? {} : { owner }) };
}

export function cname(owner: string, target: string, ttl = 60): ScriptedRecord {
  return { owner, type: 5, ttl, rdata: wireName(target) };
}

export function ns(owner: string, target: string, ttl = 60): ScriptedRecord {
  return { owner, type: 2, ttl, rdata: wireName(target) };
}

/** Replies with what `make` gives for the query. */
export function replying(make: (query: UpstreamQuery) => ScriptedResponse): Script {
  return (query) => ({ reply: respond(query, make(query)) });
}

/** First these messages, then the right one, all to the same query. */
export function before(...wrong: readonly ((query: UpstreamQuery) => Uint8Array)[]): Script {
  return (query) => ({ reply: [...wrong.map((make) => make(query)), right(query)] });
}

/** www's answer in all scenarios that are about other messages. */
export function right(query: UpstreamQuery): Uint8Array {
  return respond(query, { answers: [a("192.0.2.9")] });
}

/** The same with an address that must never reach a client. */
export function forged(query: UpstreamQuery, response: ScriptedResponse = {}): Uint8Array {
  return respond(query, { answers: [a("203.0.113.66")], ...response });
}

/** With one byte changed. @param at negative: from the end */
export function flipped(message: Uint8Array, at: number, bits = 1): Uint8Array {
  const changed = message.slice();
  const index = at < 0 ? changed.length + at : at;
  changed[index] = (changed[index] ?? 0) ^ bits;
  return changed;
}

/** The parent of a name. */
export function zoneOf(name: string): string {
  return name.slice(name.indexOf(".") + 1);
}

export interface RawMessage {
  /** QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT. */
  readonly counts: readonly [number, number, number, number];
  /** Everything behind the question. */
  readonly body: readonly number[];
  readonly flags?: number;
}

/** A response written by hand behind its header and question. */
export function raw(query: UpstreamQuery, { counts, body, flags = 0x8180 }: RawMessage): Uint8Array {
  const header = [query.id, flags, ...counts].flatMap((word) => [word >> 8, word & 0xff]);
  return Uint8Array.from([...header, ...query.wire.subarray(12, query.questionEnd), ...body]);
}

/** Answers every query with such a message, over UDP and TCP. */
export function alwaysRaw(make: (query: UpstreamQuery) => RawMessage): Script {
  return (query): Reaction => ({ reply: raw(query, make(query)) });
}

/** Bytes of a record whose owner is given as bytes. */
export function recordBytes(owner: readonly number[], type: number, ttl: number, rdata: readonly number[]): number[] {
  const ttlBytes = [24, 16, 8, 0].map((shift) => (ttl >>> shift) & 0xff);
  return [...owner, type >> 8, type & 0xff, 0, 1, ...ttlBytes, rdata.length >> 8, rdata.length & 0xff, ...rdata];
}

/** Pointer to the question's name. */
export const QNAME: readonly number[] = [0xc0, 0x0c];

/** An OPT as bytes. */
export function optBytes(options: readonly number[] = []): number[] {
  return [0, 0, 41, 4, 208, 0, 0, 0, 0, options.length >> 8, options.length & 0xff, ...options];
}
