/**
 * Which datagram or stream message is the reply to what was asked.
 *
 * RFC 5452 §9.1: address and port (the connected socket sees to those), id, and question must match; RFC 9267 and
 * "TuDoor" (2024): what does not match must not end the wait either. So a message is the reply, or it is as if it had
 * not come, but for a counter.
 */
import {
  FLAG_QR,
  FLAG_TC,
  FLAGS_AT,
  HEADER_BYTES,
  OPCODE_MASK,
  QDCOUNT_AT,
  RCODE_MASK,
  readU16,
} from "../../dns/header.ts";
import { sameName } from "../../dns/name.ts";
import { type ResponseScan, scanResponse } from "../../dns/response-scan.ts";
import { RCODE_FORMERR, RCODE_NOTIMP } from "../../dns/types.ts";

/** Why a message was ignored; indexes of `IGNORED_REASONS`. */
export const IGNORED_SHORT = 0;
export const IGNORED_NOT_RESPONSE = 1;
export const IGNORED_OPCODE = 2;
export const IGNORED_ID = 3;
export const IGNORED_QUESTION = 4;
export const IGNORED_MALFORMED = 5;
/** A wrong id with the question of somebody who waits. */
export const IGNORED_NEAR_MISS = 6;

/** Values of the `reason` label of `nodens_forward_replies_ignored_total`. */
export const IGNORED_REASONS = ["short", "not_response", "opcode", "id", "question", "malformed", "near_miss"] as const;

export const REPLY_ACCEPTED = -1;

/**
 * Judges a message whose id is already known to be the right one.
 *
 * A FORMERR or NOTIMP without question is accepted, for servers that cannot read EDNS return the bare header
 * (RFC 6891 §7); its only use is to ask again without EDNS.
 *
 * @param query what was asked; its question ends at `questionEnd`
 * @param mayBeCut the body of a reply with TC is not looked at: it will not be used (UDP)
 * @param scan filled when accepted, but for a reply that is cut
 * @returns `REPLY_ACCEPTED` or the reason to ignore it
 */
export function judgeReply(
  message: Uint8Array,
  query: Uint8Array,
  questionEnd: number,
  mayBeCut: boolean,
  scan: ResponseScan,
): number {
  if (message.length < HEADER_BYTES) return IGNORED_SHORT;
  const flags = readU16(message, FLAGS_AT);
  if ((flags & FLAG_QR) === 0) return IGNORED_NOT_RESPONSE;
  if ((flags & OPCODE_MASK) !== 0) return IGNORED_OPCODE;
  if (!hasQuestion(message, query, questionEnd)) {
    const rcode = flags & RCODE_MASK;
    const bare = message.length === HEADER_BYTES && readU16(message, QDCOUNT_AT) === 0;
    if (!bare || (rcode !== RCODE_FORMERR && rcode !== RCODE_NOTIMP)) return IGNORED_QUESTION;
  }
  if (mayBeCut && (flags & FLAG_TC) !== 0) return REPLY_ACCEPTED;
  return scanResponse(message, 0, message.length, scan) < 0 ? IGNORED_MALFORMED : REPLY_ACCEPTED;
}

/** Whether a message has the question of `query` and no other: name in any case, type and class exactly. */
export function hasQuestion(message: Uint8Array, query: Uint8Array, questionEnd: number): boolean {
  if (message.length < questionEnd || readU16(message, QDCOUNT_AT) !== 1) return false;
  const nameEnd = questionEnd - 4;
  for (let at = nameEnd; at < questionEnd; at++) if (message[at] !== query[at]) return false;
  return sameName(message, HEADER_BYTES, query, HEADER_BYTES, nameEnd - HEADER_BYTES);
}
