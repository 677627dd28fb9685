/**
 * The bench's upstream zone: every name exists.
 *
 * Type A is 192.0.2.1, AAAA is 2001:db8::1, any other type has no data; names whose first label begins with "nx" do not
 * exist. All with a TTL of one hour. The response is written over the query.
 */

/** Long enough that nothing expires during a run. */
export const ANSWER_TTL_S = 3600;
/** Bytes that must be free after a query for its response. */
export const RESPONSE_EXTRA_BYTES = 64;

const TYPE_A = 1;
const TYPE_AAAA = 28;
const ttl = [0, 0, ANSWER_TTL_S >> 8, ANSWER_TTL_S & 0xff];
const POINTER = [0xc0, 0x0c];
const A = Uint8Array.of(...POINTER, 0, TYPE_A, 0, 1, ...ttl, 0, 4, 192, 0, 2, 1);
const AAAA_DATA = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const AAAA = Uint8Array.of(...POINTER, 0, TYPE_AAAA, 0, 1, ...ttl, 0, 16, ...AAAA_DATA);
const SOA_TIMES = [0, 0, 0, 1, ...ttl, ...ttl, ...ttl, ...ttl];
const SOA = Uint8Array.of(0, 0, 6, 0, 1, ...ttl, 0, 22, 0, 0, ...SOA_TIMES);
const OPT = Uint8Array.of(0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0);

/**
 * Turns the query at `start` into its response.
 *
 * @param bytes with `RESPONSE_EXTRA_BYTES` of room after the query
 * @returns length of the response; 0 for what is no query with one question
 */
export function answerInPlace(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  if (length < 17 || bytes[start + 5] !== 1) return 0;
  let at = start + 12;
  for (;;) {
    const label = bytes[at];
    if (label === undefined || label > 63 || at + label + 5 > end) return 0;
    at += label + 1;
    if (label === 0) break;
  }
  const type = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  at += 4;
  const denied = (bytes[start + 12] ?? 0) > 1 && bytes[start + 13] === 0x6e && bytes[start + 14] === 0x78;
  const hasOpt = bytes[start + 11] !== 0;
  const answer = denied ? undefined : type === TYPE_A ? A : type === TYPE_AAAA ? AAAA : undefined;
  const record = answer ?? SOA;
  bytes[start + 2] = 0x80 | ((bytes[start + 2] ?? 0) & 0x79);
  bytes[start + 3] = 0x80 | ((bytes[start + 3] ?? 0) & 0x10) | (denied ? 3 : 0);
  bytes[start + 7] = answer === undefined ? 0 : 1;
  bytes[start + 9] = answer === undefined ? 1 : 0;
  bytes[start + 11] = hasOpt ? 1 : 0;
  bytes.set(record, at);
  at += record.length;
  if (hasOpt) {
    bytes.set(OPT, at);
    at += OPT.length;
  }
  return at - start;
}
