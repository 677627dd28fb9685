/**
 * What the drills ask, and what is a right answer to it.
 *
 * A question is a number: hot name `n` is `n` (0 and up), miss `n` is `-1 - n`. Its name has one form,
 * `h000001f.drill.test.` or `m000001f.drill.test.`, type A. The upstream derives the address from the name alone, so
 * that an answer that belongs to another question is seen to be wrong.
 */
import { skipName } from "../src/dns/name.ts";

/** Of every query. */
export const QUERY_BYTES = 37;
export const QUESTION_AT = 12;
export const HOT_LETTER = 0x68;
export const MISS_LETTER = 0x6d;
/** Questions of each kind that the form of the name allows. */
export const QUESTIONS_MAX: number = 0x1000_0000;

export const RCODE_NOERROR = 0;
export const RCODE_SERVFAIL = 2;
export const RCODE_NXDOMAIN = 3;

const HEX_AT = QUESTION_AT + 2;
const HEX_DIGITS = 7;
/** Header with RD and one question, the name, type A, class IN. */
const TEMPLATE = Uint8Array.from(
  Buffer.from("\0\0\x01\0\0\x01\0\0\0\0\0\0\x08h0000000\x05drill\x04test\0\0\x01\0\x01", "latin1"),
);
const expected = TEMPLATE.slice();

/** Writes the query of `QUERY_BYTES` at `at`. @param id 0 to 65535 */
export function writeQuery(bytes: Uint8Array, at: number, id: number, question: number): void {
  bytes.set(TEMPLATE, at);
  bytes[at] = id >> 8;
  bytes[at + 1] = id & 0xff;
  writeName(bytes, at, question);
}

/** The same as a message of its own. */
export function queryOf(id: number, question: number): Uint8Array {
  const wire = new Uint8Array(QUERY_BYTES);
  writeQuery(wire, 0, id, question);
  return wire;
}

function writeName(bytes: Uint8Array, at: number, question: number): void {
  let rest = question < 0 ? -1 - question : question;
  bytes[at + QUESTION_AT + 1] = question < 0 ? MISS_LETTER : HOT_LETTER;
  for (let i = HEX_DIGITS - 1; i >= 0; i--) {
    const digit = rest & 15;
    bytes[at + HEX_AT + i] = digit < 10 ? 0x30 + digit : 0x57 + digit;
    rest >>= 4;
  }
}

/**
 * The address of a name: FNV-1a of its lower-cased wire form.
 *
 * @param length of the name, in bytes
 * @returns the four bytes as one word, network order, int32
 */
export function addressOf(bytes: Uint8Array, nameAt: number, length: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = nameAt; i < nameAt + length; i++) {
    const byte = bytes[i] ?? 0;
    hash = Math.imul(hash ^ (byte >= 65 && byte <= 90 ? byte | 32 : byte), 0x01000193);
  }
  return hash;
}

/**
 * Whether a reply may be the answer to `question`: a response with just this question, in the client's spelling, and,
 * when it says that all is well, with the one address that is right. SERVFAIL and REFUSED say nothing wrong; NXDOMAIN
 * does, for every name exists. The id is the caller's to check.
 */
export function isRightAnswer(bytes: Uint8Array, at: number, length: number, question: number): boolean {
  if (length < QUERY_BYTES || ((bytes[at + 2] ?? 0) & 0x82) !== 0x80) return false;
  if (bytes[at + 4] !== 0 || bytes[at + 5] !== 1) return false;
  writeName(expected, 0, question);
  for (let i = QUESTION_AT; i < QUERY_BYTES; i++) if (bytes[at + i] !== expected[i]) return false;
  const rcode = (bytes[at + 3] ?? 0) & 15;
  if (rcode === RCODE_NXDOMAIN) return false;
  if (rcode !== RCODE_NOERROR) return true;
  if (bytes[at + 6] !== 0 || bytes[at + 7] !== 1) return false;
  const record = skipName(bytes, at + QUERY_BYTES, at + length);
  if (record < 0 || record + 14 > at + length) return false;
  if (word(bytes, record) !== 0x0001_0001 || bytes[record + 8] !== 0 || bytes[record + 9] !== 4) return false;
  return word(bytes, record + 10) === addressOf(expected, QUESTION_AT, QUERY_BYTES - QUESTION_AT - 4);
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}
