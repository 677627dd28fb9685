/** Making a new answer store in shared memory: what only its one writer does, and does once. */
import { randomFillSync } from "node:crypto";
import type { SharedRegion } from "../../linux/shared-region.ts";
import { Region, StoreRegionError } from "./region.ts";
import {
  BASE_S_WORD,
  divideRegion,
  HEADER_CHECK_WORD,
  KEY_WORD,
  LAYOUT_VERSION,
  MAGIC,
  MAGIC_WORD,
  SETS_WORD,
  SLOTS_WORD,
  VERSION_WORD,
} from "./region-layout.ts";
import { headerCheck } from "./slot-check.ts";

/**
 * Lays a new store out in memory that is all zero.
 *
 * @param key two words; from a cryptographic generator unless a test needs to know it
 * @throws StoreRegionError when it is too small
 */
export function layOutRegion(memory: SharedRegion, maxEntries: number, monotonicMs: number, key?: Int32Array): Region {
  const geometry = divideRegion(memory.bytes, maxEntries);
  if (geometry === undefined) {
    throw new StoreRegionError(`an answer store does not fit into ${memory.bytes} bytes`, {
      hint: "Give the cache at least 1 MiB",
    });
  }
  const words = new Int32Array(memory.buffer, 0, 8);
  words.set(key ?? randomFillSync(new Int32Array(2)), KEY_WORD);
  words[SETS_WORD] = geometry.sets;
  words[SLOTS_WORD] = geometry.slots;
  words[BASE_S_WORD] = Math.floor(monotonicMs / 1000) - 1;
  words[VERSION_WORD] = LAYOUT_VERSION;
  words[MAGIC_WORD] = MAGIC;
  Atomics.store(words, HEADER_CHECK_WORD, headerCheck(words));
  return new Region(memory.buffer, geometry);
}
