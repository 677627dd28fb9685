/**
 * The query that goes to an upstream, made from scratch.
 *
 * Of the client's query it has the question as spelled (0x20 survives), RD, CD and AD (RFC 6840 §5.7), and DO. The OPT
 * is our own: EDNS is hop by hop (RFC 6891 §6.2.6), so no cookie, subnet or padding of a client travels on. Options that
 * plugins put on the query do.
 */
import { addOption, OPT_BYTES, SERVER_UDP_SIZE, writeOpt } from "../../dns/edns.ts";
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_AD,
  FLAG_CD,
  FLAG_RD,
  FLAGS_AT,
  HEADER_BYTES,
  ID_AT,
  NSCOUNT_AT,
  QDCOUNT_AT,
  writeU16,
} from "../../dns/header.ts";
import type { EdnsOption } from "../../dns/message.ts";

const NO_OPTIONS: readonly EdnsOption[] = [];

/** Bytes of the query for a question that ends at `questionEnd`. */
export function upstreamQueryBytes(questionEnd: number, options: readonly EdnsOption[] = NO_OPTIONS): number {
  let length = questionEnd + OPT_BYTES;
  for (const { data } of options) length += 4 + data.length;
  return length;
}

/**
 * Writes a query with id 0, which ends in the OPT.
 *
 * @param wire `upstreamQueryBytes` long; what is in it does not matter
 * @param question bytes whose question (name uncompressed, type, class) stands at 12 and ends at `questionEnd`
 * @param flags header flags word to take RD, CD and AD from
 */
export function writeUpstreamQuery(
  wire: Uint8Array,
  question: Uint8Array,
  questionEnd: number,
  flags: number,
  dnssecOk: boolean,
  options: readonly EdnsOption[] = NO_OPTIONS,
): void {
  writeU16(wire, ID_AT, 0);
  writeU16(wire, FLAGS_AT, flags & (FLAG_RD | FLAG_CD | FLAG_AD));
  writeU16(wire, QDCOUNT_AT, 1);
  writeU16(wire, ANCOUNT_AT, 0);
  writeU16(wire, NSCOUNT_AT, 0);
  writeU16(wire, ARCOUNT_AT, 1);
  for (let at = HEADER_BYTES; at < questionEnd; at++) wire[at] = question[at] ?? 0;
  let end = questionEnd + writeOpt(wire, questionEnd, SERVER_UDP_SIZE, 0, dnssecOk);
  for (const { code, data } of options) end = addOption(wire, questionEnd, end, code, data);
}

/** Readies a query for one sending: its id, and whether the OPT at its end goes along. */
export function stampQuery(wire: Uint8Array, id: number, withEdns: boolean): void {
  writeU16(wire, ID_AT, id);
  wire[ARCOUNT_AT + 1] = withEdns ? 1 : 0;
}
