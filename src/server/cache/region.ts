/** One region of shared memory with an answer store in it, seen from this thread. */
import { NodensError } from "../../base/errors.ts";
import { openRegion, type RegionHandle, type SharedRegion } from "../../linux/shared-region.ts";
import {
  BASE_S_WORD,
  type Geometry,
  KEY_WORD,
  LAYOUT_VERSION,
  MAGIC,
  MAGIC_WORD,
  plausibleGeometry,
  SETS_WORD,
  SLOTS_WORD,
  VERSION_WORD,
} from "./region-layout.ts";

/** The memory is no answer store of this version, or too small for one. */
export class StoreRegionError extends NodensError {
  readonly code = "NODENS_CACHE_REGION";
}

/** May be posted to a thread of this process. */
export interface AnswerStoreHandle {
  readonly region: RegionHandle;
}

export class Region {
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly bytes: Uint8Array;
  readonly geometry: Geometry;
  readonly key0: number;
  readonly key1: number;
  /** `floor(CLOCK_MONOTONIC in seconds)` in the region's second 0. */
  readonly baseS: number;

  /** @param buffer with a store of this geometry in it */
  constructor(buffer: ArrayBufferLike, geometry: Geometry) {
    this.words = new Int32Array(buffer, 0, geometry.bytes >> 2);
    this.halves = new Uint16Array(buffer, 0, geometry.bytes >> 1);
    this.bytes = new Uint8Array(buffer, 0, geometry.bytes);
    this.geometry = geometry;
    this.key0 = this.words[KEY_WORD] ?? 0;
    this.key1 = this.words[KEY_WORD + 1] ?? 0;
    this.baseS = this.words[BASE_S_WORD] ?? 0;
  }

  /** @throws StoreRegionError when no store of this layout is there */
  static open(handle: AnswerStoreHandle): Region {
    return Region.of(openRegion(handle.region));
  }

  /**
   * The store in memory that may be anybody's.
   *
   * @throws StoreRegionError when no store of this layout is there
   */
  static of({ buffer, bytes }: Pick<SharedRegion, "buffer" | "bytes">): Region {
    const words = new Int32Array(buffer, 0, bytes < 32 ? 0 : 8);
    const version = words[VERSION_WORD];
    if (words[MAGIC_WORD] !== MAGIC) throw new StoreRegionError("the shared memory holds no answer store");
    if (version !== LAYOUT_VERSION) {
      throw new StoreRegionError(`the answer store has layout ${version}, this program knows ${LAYOUT_VERSION}`);
    }
    const geometry = plausibleGeometry(words[SETS_WORD] ?? 0, words[SLOTS_WORD] ?? 0);
    if (geometry === undefined) throw new StoreRegionError("the answer store has a size that makes no sense");
    if (geometry.bytes > bytes) throw new StoreRegionError("the answer store is cut short");
    return new Region(buffer, geometry);
  }

  /** The region's second of a monotonic time. Equal in every thread and process of the machine. */
  secondsAt(monotonicMs: number): number {
    return Math.floor(monotonicMs / 1000) - this.baseS;
  }
}
