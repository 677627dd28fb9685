/**
 * The edge: an answer made for one client.
 *
 * Whatever made the answer, here it gets the client's id, flags and spelling of the name, our own OPT when the client sent
 * one, and a size that the client can take. The rules are those of dns-engines: RFC 1035, 6891 §6.1, 6840 §5.7, 4035
 * §3.2.2, 8914.
 */
import { copyInto } from "../../base/copy-blocks.ts";
import { addOption, OPT_BYTES, SERVER_UDP_SIZE, writeOpt, writeOptWithError } from "../../dns/edns.ts";
import {
  ARCOUNT_AT,
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  FLAGS_AT,
  HEADER_BYTES,
  ID_AT,
  MESSAGE_MAX_BYTES,
  RCODE_MASK,
  readU16,
  writeU16,
} from "../../dns/header.ts";
import { truncateByRrset } from "../../dns/truncate.ts";
import type { Answer } from "./answer.ts";
import type { Query } from "./query.ts";

/** Room for the largest message and the OPT behind it, before it is cut. */
export const REPLY_ROOM_BYTES: number = MESSAGE_MAX_BYTES + 1024;
/** Longest text of an extended error: it must not push records out of small replies. */
const EXTRA_TEXT_MAX = 128;

/** Most that a reply to `query` may take, bytes. */
export function replyLimit(query: Query): number {
  if (query.transport === "tcp") return MESSAGE_MAX_BYTES;
  return Math.min(query.view.udpSize, SERVER_UDP_SIZE);
}

/** The flags word of the reply: the answer's response code and what it may say of itself, the client's RD and CD. */
export function replyFlags(query: Query, answer: Answer): number {
  const { view } = query;
  const made = readU16(answer.wire, FLAGS_AT);
  let flags = FLAG_QR | FLAG_RA | (view.flags & (FLAG_RD | FLAG_CD));
  flags |= made & (FLAG_AA | FLAG_TC | RCODE_MASK);
  if (view.dnssecOk || (view.flags & FLAG_AD) !== 0) flags |= made & FLAG_AD;
  const override = answer.flags;
  return override === undefined ? flags : (flags & ~override.mask) | (override.value & override.mask);
}

/**
 * Writes the reply to `out`, from 0.
 *
 * @param answer without an OPT record; its question is the query's in any spelling
 * @param out at least `REPLY_ROOM_BYTES`
 * @returns length in bytes
 */
export function finishReply(query: Query, answer: Answer, out: Uint8Array): number {
  const { view, wire } = query;
  copyInto(out, answer.wire, 0, answer.wire.length);
  writeU16(out, ID_AT, view.id);
  writeU16(out, FLAGS_AT, replyFlags(query, answer));
  for (let i = HEADER_BYTES; i < view.questionEnd; i++) out[i] = wire[i] ?? 0;
  const limit = replyLimit(query);
  if (!view.hasOpt) return truncateByRrset(out, 0, answer.wire.length, limit);
  const length = truncateByRrset(out, 0, answer.wire.length, limit - OPT_BYTES);
  writeU16(out, ARCOUNT_AT, readU16(out, ARCOUNT_AT) + 1);
  return length + finishOpt(query, answer, out, length, limit);
}

/** Writes our OPT at `at`, with the options that fit. @returns its length */
function finishOpt(query: Query, answer: Answer, out: Uint8Array, at: number, limit: number): number {
  const { dnssecOk } = query.view;
  let end = at + writeOpt(out, at, SERVER_UDP_SIZE, 0, dnssecOk);
  if (answer.extendedError !== undefined) {
    const { code, text } = answer.extendedError;
    const short = text.slice(0, EXTRA_TEXT_MAX);
    // The option costs 6 bytes and the text; without room for it the reply goes without.
    if (end + 6 + Buffer.byteLength(short) <= limit) {
      end = at + writeOptWithError(out, at, SERVER_UDP_SIZE, dnssecOk, code, short);
    }
  }
  for (const { code, data } of answer.options ?? []) {
    if (end + 4 + data.length <= limit) end = addOption(out, at, end, code, data);
  }
  return end - at;
}
