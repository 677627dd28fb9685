/** Queries as we send them to upstreams: one question, and our own OPT or none. */
import { OPT_BYTES, writeOpt } from "./edns.ts";
import {
  ARCOUNT_AT,
  FLAG_AD,
  FLAG_CD,
  FLAG_RD,
  FLAGS_AT,
  HEADER_BYTES,
  ID_AT,
  QDCOUNT_AT,
  writeU16,
} from "./header.ts";

export interface QueryOptions {
  /** 0 to 65535; 0 when absent. From a cryptographic generator when the query goes over UDP. */
  readonly id?: number;
  /** Default true. */
  readonly recursionDesired?: boolean;
  readonly checkingDisabled?: boolean;
  readonly authenticData?: boolean;
  /** Needs an OPT: without `udpSize` it is not said. */
  readonly dnssecOk?: boolean;
  /** In bytes; undefined: no OPT. */
  readonly udpSize?: number | undefined;
}

/**
 * @param name uncompressed wire form, used as it is spelled
 * @returns a new message
 */
export function buildQuery(name: Uint8Array, type: number, dnsClass: number, options: QueryOptions = {}): Uint8Array {
  const questionEnd = HEADER_BYTES + name.length + 4;
  const message = new Uint8Array(options.udpSize === undefined ? questionEnd : questionEnd + OPT_BYTES);
  let flags = 0;
  if (options.recursionDesired ?? true) flags |= FLAG_RD;
  if (options.checkingDisabled ?? false) flags |= FLAG_CD;
  if (options.authenticData ?? false) flags |= FLAG_AD;
  writeU16(message, ID_AT, options.id ?? 0);
  writeU16(message, FLAGS_AT, flags);
  writeU16(message, QDCOUNT_AT, 1);
  message.set(name, HEADER_BYTES);
  writeU16(message, questionEnd - 4, type);
  writeU16(message, questionEnd - 2, dnsClass);
  if (options.udpSize !== undefined) {
    writeU16(message, ARCOUNT_AT, 1);
    writeOpt(message, questionEnd, options.udpSize, 0, options.dnssecOk ?? false);
  }
  return message;
}
