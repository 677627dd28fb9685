/**
 * Where things stand in a message, as far as it can be followed: for mutations that hit something.
 *
 * Reads by itself, apart from `src/dns`: it takes what is malformed too, and stops where it is lost.
 */

export interface RecordPlace {
  /** Index of the owner's first byte. */
  readonly at: number;
  /** Type, class, TTL, RDLENGTH stand here. */
  readonly typeAt: number;
  readonly dataAt: number;
  /** Index after the data, at most the message's end. */
  readonly end: number;
  /** Index of the header's word that counts it: 6, 8 or 10. */
  readonly countAt: number;
}

export interface MessageMap {
  /** Index after the first question, or 12. */
  readonly questionEnd: number;
  /** Length bytes of labels, and first bytes of pointers, in question and owners. */
  readonly labelAts: readonly number[];
  readonly records: readonly RecordPlace[];
}

const HEADER_BYTES = 12;
const COUNT_ATS = [6, 8, 10] as const;
/** Enough to mutate; the rest is found by chance. */
const RECORDS_MAX = 5000;

export function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function setWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

/** Index after the name at `at`, or after all when it does not end. Notes its labels. */
export function nameEnd(bytes: Uint8Array, at: number, labelAts: number[] = []): number {
  let cursor = at;
  while (cursor < bytes.length) {
    const label = bytes[cursor] ?? 0;
    labelAts.push(cursor);
    if (label === 0) return cursor + 1;
    if (label >= 0x40) return Math.min(cursor + 2, bytes.length);
    cursor += label + 1;
  }
  return bytes.length;
}

export function mapMessage(bytes: Uint8Array): MessageMap {
  const labelAts: number[] = [];
  const records: RecordPlace[] = [];
  let cursor = HEADER_BYTES;
  if (wordAt(bytes, 4) > 0) cursor = Math.min(nameEnd(bytes, cursor, labelAts) + 4, bytes.length);
  const questionEnd = cursor;
  for (const countAt of COUNT_ATS) {
    for (let left = wordAt(bytes, countAt); left > 0 && records.length < RECORDS_MAX; left--) {
      const typeAt = nameEnd(bytes, cursor, labelAts);
      const dataAt = typeAt + 10;
      if (dataAt > bytes.length) return { questionEnd, labelAts, records };
      const end = Math.min(dataAt + wordAt(bytes, typeAt + 8), bytes.length);
      records.push({ at: cursor, typeAt, dataAt, end, countAt });
      cursor = end;
    }
  }
  return { questionEnd, labelAts, records };
}
