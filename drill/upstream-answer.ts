/**
 * The drills' upstream zone: every name exists and has one address, derived from the name (`addressOf`).
 *
 * Other types have no data. The response is written over the query; an OPT of the query is left out.
 */
import { nameLength } from "../src/dns/name.ts";
import { addressOf, QUESTION_AT } from "./questions.ts";

/** Bytes that must be free after a query for its response. */
export const RESPONSE_EXTRA_BYTES = 16;

const TYPE_A = 1;

/**
 * Turns the query at `start` into its response.
 *
 * @param ttl of the address, seconds
 * @returns length of the response; 0 for what is no query with one question
 */
export function answerInPlace(bytes: Uint8Array, start: number, length: number, ttl: number): number {
  const end = start + length;
  if (length < QUESTION_AT + 5 || ((bytes[start + 2] ?? 0) & 0x80) !== 0 || bytes[start + 5] !== 1) return 0;
  const nameAt = start + QUESTION_AT;
  const name = nameLength(bytes, nameAt, end);
  if (name < 0 || nameAt + name + 4 > end) return 0;
  let at = nameAt + name + 4;
  const type = ((bytes[at - 4] ?? 0) << 8) | (bytes[at - 3] ?? 0);
  bytes[start + 2] = 0x80 | ((bytes[start + 2] ?? 0) & 0x79);
  bytes[start + 3] = 0x80 | ((bytes[start + 3] ?? 0) & 0x10);
  bytes.fill(0, start + 6, start + 12);
  if (type !== TYPE_A) return at - start;
  bytes[start + 7] = 1;
  const address = addressOf(bytes, nameAt, name);
  bytes.set([0xc0, QUESTION_AT, 0, TYPE_A, 0, 1], at);
  at = writeWord(bytes, at + 6, ttl);
  bytes[at] = 0;
  bytes[at + 1] = 4;
  return writeWord(bytes, at + 2, address) - start;
}

function writeWord(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = (value >>> 16) & 0xff;
  bytes[at + 2] = (value >>> 8) & 0xff;
  bytes[at + 3] = value & 0xff;
  return at + 4;
}
