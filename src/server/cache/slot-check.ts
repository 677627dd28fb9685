/**
 * Check sums of what another process may find in shared memory or in a file: they tell what was damaged from what is
 * whole. Not keyed: who may write there may also write what it likes.
 *
 * The mixing is MurmurHash3's (Appleby, x86, 32 bits): a word at a time, about 2 ns each.
 */
import { HEADER_CHECK_WORD, IMAGE_WORD, MAGIC, RETRY_S_WORD, STAMP_S_WORD } from "./region-layout.ts";

/** @returns an int32 over the words from `from` to before `to` */
export function wordsCheck(words: Int32Array, from: number, to: number, seed: number): number {
  let check = seed | 0;
  for (let i = from; i < to; i++) check = mixed(check, words[i] ?? 0);
  return finished(check);
}

/** Of the region's header. */
export function headerCheck(words: Int32Array): number {
  return wordsCheck(words, 0, HEADER_CHECK_WORD, MAGIC);
}

/**
 * Over a slot, but for what changes while the answer stands there (and spare words). Its TTL fields say the whole lifetime then: as they
 * are stored, not as they are stamped later.
 *
 * @param at the slot's first word
 * @param bytes of the slot in use, an even number
 */
export function slotCheck(words: Int32Array, at: number, bytes: number): number {
  let check = bytes;
  for (let i = 0; i < RETRY_S_WORD; i++) if (i !== STAMP_S_WORD) check = mixed(check, words[at + i] ?? 0);
  const end = at + (bytes >> 2);
  for (let i = at + IMAGE_WORD; i < end; i++) check = mixed(check, words[i] ?? 0);
  if ((bytes & 2) !== 0) check = mixed(check, (words[end] ?? 0) & 0xffff);
  return finished(check);
}

function mixed(check: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const h = check ^ Math.imul(k, 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finished(check: number): number {
  let h = check;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
