/**
 * Addresses of an RRset in another order, in place.
 *
 * All A records have data of four bytes, all AAAA records of sixteen, and no name points into it: exchanging data is
 * exchanging records. So it costs a walk over the message and needs no room.
 */
import { readU16 } from "./header.ts";
import { sameNameInMessage, skipName } from "./name.ts";
import { TYPE_A, TYPE_AAAA } from "./types.ts";

/** Addresses beyond these of one RRset keep their places. */
const SHUFFLED_MAX = 256;
const dataAts = new Uint16Array(SHUFFLED_MAX);

/**
 * Shuffles each run of A or AAAA records of one owner. No allocation.
 *
 * @param start index of the header of a message that passed `scanResponse`
 * @param at index of the first record
 * @param count records from there on
 * @param random gives the next number, 0 up to but not 1
 */
export function shuffleAddresses(
  bytes: Uint8Array,
  start: number,
  at: number,
  count: number,
  random: () => number,
): void {
  let runAt = -1;
  let runType = 0;
  let run = 0;
  let cursor = at;
  for (let i = 0; i < count; i++) {
    const typeAt = skipName(bytes, cursor, bytes.length);
    if (typeAt < 0) break;
    const type = readU16(bytes, typeAt);
    const dataAt = typeAt + 10;
    const next = dataAt + readU16(bytes, typeAt + 8);
    const isAddress = (type === TYPE_A && next - dataAt === 4) || (type === TYPE_AAAA && next - dataAt === 16);
    if (run > 0 && (!isAddress || type !== runType || !sameNameInMessage(bytes, start, runAt, cursor))) {
      shuffleRun(bytes, start, run, runType, random);
      run = 0;
    }
    if (isAddress && run < SHUFFLED_MAX) {
      if (run === 0) {
        runAt = cursor;
        runType = type;
      }
      dataAts[run++] = dataAt - start;
    }
    cursor = next;
  }
  shuffleRun(bytes, start, run, runType, random);
}

/** Fisher and Yates. */
function shuffleRun(bytes: Uint8Array, start: number, run: number, type: number, random: () => number): void {
  const length = type === TYPE_A ? 4 : 16;
  for (let left = run; left > 1; left--) {
    const chosen = (random() * left) | 0;
    if (chosen === left - 1) continue;
    const a = start + (dataAts[left - 1] ?? 0);
    const b = start + (dataAts[chosen] ?? 0);
    for (let i = 0; i < length; i++) {
      const kept = bytes[a + i] ?? 0;
      bytes[a + i] = bytes[b + i] ?? 0;
      bytes[b + i] = kept;
    }
  }
}
