/**
 * Error replies made out of the query itself, in place.
 *
 * Built from scratch but for what must be echoed: some servers reflect the client's OPT, cookie and AD bit in their
 * errors, which then claim what nobody checked.
 */
import { SERVER_UDP_SIZE, writeOpt } from "./edns.ts";
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAGS_AT,
  HEADER_BYTES,
  NSCOUNT_AT,
  OPCODE_MASK,
  QDCOUNT_AT,
  RCODE_MASK,
  writeU16,
} from "./header.ts";
import type { QueryView } from "./query-view.ts";

/**
 * Turns the query at `start` into an error reply: its header, its question if that could be read (else QDCOUNT is 0),
 * our own OPT if it had one. No allocation.
 *
 * @param view as `admitQuery` left it for this packet
 * @param rcode 0 to 4095; from 16 up the client must have sent an OPT, else only the low four bits arrive
 * @returns the reply's length in bytes, never more than the query's: no amplification
 */
export function writeRefusal(bytes: Uint8Array, start: number, view: QueryView, rcode: number): number {
  const opcode = view.flags & OPCODE_MASK;
  // What the other bits mean under another opcode is not ours to say (RFC 8906 §8.1.4 looks for that).
  const echoed = opcode === 0 ? (view.flags & (FLAG_RD | FLAG_CD)) | FLAG_RA : (view.flags & FLAG_RD) | opcode;
  writeU16(bytes, start + FLAGS_AT, FLAG_QR | echoed | (rcode & RCODE_MASK));
  writeU16(bytes, start + QDCOUNT_AT, view.questionEnd === 0 ? 0 : 1);
  writeU16(bytes, start + ANCOUNT_AT, 0);
  writeU16(bytes, start + NSCOUNT_AT, 0);
  writeU16(bytes, start + ARCOUNT_AT, view.hasOpt ? 1 : 0);
  const end = view.questionEnd === 0 ? HEADER_BYTES : view.questionEnd;
  return view.hasOpt ? end + writeOpt(bytes, start + end, SERVER_UDP_SIZE, rcode >> 4, view.dnssecOk) : end;
}
