/** Responses made of what a cluster's objects say, as wire. All are authoritative. */
import { addressBytes } from "../../base/address.ts";
import {
  ANCOUNT_AT,
  FLAG_AA,
  FLAG_QR,
  FLAGS_AT,
  MESSAGE_MAX_BYTES,
  QDCOUNT_AT,
  writeU16,
  writeU32,
} from "../../dns/header.ts";
import type { QueryView } from "../../dns/query-view.ts";
import type { ResourceRecord } from "../../dns/records/record.ts";
import { respond, type RespondOptions } from "../../dns/response-builder.ts";
import {
  CLASS_IN,
  RCODE_NOERROR,
  TYPE_A,
  TYPE_AAAA,
  TYPE_NS,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
  TYPE_TXT,
} from "../../dns/types.ts";
import type { Target } from "./cluster.ts";
import { type ClusterZone, nameBelow } from "./zone.ts";

/** A question, in the message that it came in. */
export interface Asked {
  readonly wire: Uint8Array;
  readonly view: QueryView;
}

/** Version of the specification that the records follow. */
const SCHEMA_VERSION = "1.1.0";
const SCHEMA_TTL_S = 28_800;
const SOA_TTL_MAX_S = 300;
const REFRESH_S = 7200;
const RETRY_S = 1800;
const EXPIRE_S = 86_400;
/** Points to the question's name. */
const OWNER_POINTER = 0xc00c;
/** Type, class, TTL and length of a record, and the pointer that is its owner. */
const FIXED_BYTES = 12;
const RESPONSE_LIMIT = MESSAGE_MAX_BYTES - 1024;

/** A response of the zone without an answer: with its SOA, so that it may be cached. */
export function denial(asked: Asked, rcode: number, zone: ClusterZone, ttlS: number, serial: number): Uint8Array {
  return made(asked, rcode, [], { authority: [soa(zone, ttlS, serial)] });
}

export function soaAnswer(asked: Asked, zone: ClusterZone, ttlS: number, serial: number): Uint8Array {
  return made(asked, RCODE_NOERROR, [soa(zone, ttlS, serial)]);
}

/** `dns-version.ZONE`. */
export function versionAnswer(asked: Asked): Uint8Array {
  const strings = [Buffer.from(SCHEMA_VERSION, "latin1")];
  return made(asked, RCODE_NOERROR, [record(owner(asked), TYPE_TXT, SCHEMA_TTL_S, { kind: "txt", strings })]);
}

/** @returns undefined when none of the addresses is of the family that is asked for */
export function addressAnswer(asked: Asked, addresses: readonly string[], ttlS: number): Uint8Array | undefined {
  const wanted = asked.view.qtype === TYPE_A ? 4 : 16;
  const found: Uint8Array[] = [];
  for (const text of new Set(addresses)) {
    if (text.includes(":") !== (wanted === 16)) continue;
    const bytes = addressBytes(text);
    if (bytes?.length === wanted) found.push(bytes);
  }
  if (found.length === 0) return undefined;
  const { wire, view } = asked;
  const recordBytes = FIXED_BYTES + wanted;
  const count = Math.min(found.length, Math.floor((RESPONSE_LIMIT - view.questionEnd) / recordBytes));
  const message = new Uint8Array(view.questionEnd + count * recordBytes);
  message.set(wire.subarray(0, view.questionEnd));
  message.fill(0, FLAGS_AT, 12);
  writeU16(message, FLAGS_AT, FLAG_QR | FLAG_AA);
  writeU16(message, QDCOUNT_AT, 1);
  writeU16(message, ANCOUNT_AT, count);
  let at = view.questionEnd;
  for (let i = 0; i < count; i++) {
    writeU16(message, at, OWNER_POINTER);
    writeU16(message, at + 2, view.qtype);
    writeU16(message, at + 4, CLASS_IN);
    writeU32(message, at + 6, ttlS);
    writeU16(message, at + 10, wanted);
    message.set(found[i] ?? new Uint8Array(wanted), at + FIXED_BYTES);
    at += recordBytes;
  }
  return message;
}

/**
 * SRV records, with the addresses of their targets beside them. The weights share 100, as CoreDNS has them share it.
 *
 * @param owner labels of the Service below the zone
 * @returns undefined when no target has a port
 */
export function srvAnswer(
  asked: Asked,
  targets: readonly Target[],
  ownerLabels: readonly string[],
  zone: ClusterZone,
  ttlS: number,
): Uint8Array | undefined {
  const weight = Math.max(1, Math.floor(100 / targets.length));
  const answers = new Map<string, ResourceRecord>();
  const additional = new Map<string, ResourceRecord>();
  const asks = owner(asked);
  let bytes = asked.view.questionEnd;
  for (const { address, port, endpoint, cluster } of targets) {
    if (port === 0) continue;
    const labels = endpoint === "" ? ownerLabels : [endpoint, ...(cluster === "" ? [] : [cluster]), ...ownerLabels];
    const target = nameBelow(labels, zone);
    if (target === undefined) continue;
    const name = labels.join(".");
    const key = `${name} ${port}`;
    if (!answers.has(key)) {
      bytes += FIXED_BYTES + 6 + target.length;
      if (bytes > RESPONSE_LIMIT) break;
      answers.set(key, record(asks, TYPE_SRV, ttlS, { kind: "srv", priority: 0, weight, port, target }));
    }
    const at = addressBytes(address);
    if (at === undefined || additional.has(`${name} ${address}`)) continue;
    bytes += FIXED_BYTES + at.length;
    if (bytes > RESPONSE_LIMIT) break;
    additional.set(`${name} ${address}`, addressRecord(target, at, ttlS));
  }
  if (answers.size === 0) return undefined;
  return made(asked, RCODE_NOERROR, [...answers.values()], { additional: [...additional.values()] });
}

/** @param names labels below `zone`, at least one */
export function ptrAnswer(
  asked: Asked,
  names: readonly (readonly string[])[],
  zone: ClusterZone,
  ttlS: number,
): Uint8Array {
  const answers = new Map<string, ResourceRecord>();
  let bytes = asked.view.questionEnd;
  for (const labels of names) {
    const name = nameBelow(labels, zone);
    if (name === undefined) continue;
    bytes += FIXED_BYTES + name.length;
    if (bytes > RESPONSE_LIMIT) break;
    answers.set(labels.join("."), record(owner(asked), TYPE_PTR, ttlS, { kind: "name", name }));
  }
  return made(asked, RCODE_NOERROR, [...answers.values()]);
}

/** A name server with its addresses. */
export interface NameServer {
  /** Labels below the zone. */
  readonly labels: readonly string[];
  readonly addresses: readonly string[];
}

export function nsAnswer(asked: Asked, servers: readonly NameServer[], zone: ClusterZone, ttlS: number): Uint8Array {
  const answers: ResourceRecord[] = [];
  const additional: ResourceRecord[] = [];
  for (const { labels, addresses } of servers) {
    const name = nameBelow(labels, zone);
    if (name === undefined) continue;
    answers.push(record(owner(asked), TYPE_NS, ttlS, { kind: "name", name }));
    for (const text of addresses) {
      const bytes = addressBytes(text);
      if (bytes !== undefined) additional.push(addressRecord(name, bytes, ttlS));
    }
  }
  return made(asked, RCODE_NOERROR, answers, { additional });
}

/** Records that somebody else has made, about the name that was asked for. */
export function recordsAnswer(
  asked: Asked,
  answers: readonly ResourceRecord[],
  authority: readonly ResourceRecord[] = [],
): Uint8Array {
  return made(asked, RCODE_NOERROR, answers, { authority });
}

/** Of the name that is asked for. */
export function cnameRecord(asked: Asked, type: number, name: Uint8Array, ttlS: number): ResourceRecord {
  return record(owner(asked), type, ttlS, { kind: "name", name });
}

function soa(zone: ClusterZone, ttlS: number, serial: number): ResourceRecord {
  return record(zone.name, TYPE_SOA, Math.min(ttlS, SOA_TTL_MAX_S), {
    kind: "soa",
    mname: nameBelow(["ns", "dns"], zone) ?? zone.name,
    rname: nameBelow(["hostmaster"], zone) ?? zone.name,
    serial: serial >>> 0,
    refresh: REFRESH_S,
    retry: RETRY_S,
    expire: EXPIRE_S,
    minimum: ttlS,
  });
}

function owner({ wire, view }: Asked): Uint8Array {
  return wire.slice(12, 12 + view.nameLength);
}

function addressRecord(name: Uint8Array, address: Uint8Array, ttlS: number): ResourceRecord {
  const isIpv4 = address.length === 4;
  return record(name, isIpv4 ? TYPE_A : TYPE_AAAA, ttlS, { kind: isIpv4 ? "a" : "aaaa", address });
}

function record(name: Uint8Array, type: number, ttl: number, data: ResourceRecord["data"]): ResourceRecord {
  return { name, type, class: CLASS_IN, ttl, data };
}

function made(
  { wire, view }: Asked,
  rcode: number,
  answers: readonly ResourceRecord[],
  options: RespondOptions = {},
): Uint8Array {
  return respond(wire, view, rcode, answers, { authoritative: true, ...options });
}
