import { adoptRegion } from "../../linux/adopt-region.ts";
import { closeFd } from "../../linux/fd.ts";
import type { SharedRegion } from "../../linux/shared-region.ts";
import { AnswerReader } from "../cache/answer-reader.ts";
import { Region, StoreRegionError } from "../cache/region.ts";

/** A server's answer store, for who only reads. */
export interface OpenStore {
  /** To be closed by who has opened it, when neither reader is used any more. */
  readonly region: SharedRegion;
  readonly fresh: AnswerReader;
  /** Finds what has expired too. */
  readonly stale: AnswerReader;
}

/**
 * @param fd the store's from now on, whatever comes of it
 * @returns undefined when it is none that this program knows
 */
export function openStore(fd: number): OpenStore | undefined {
  const region = adoptRegion(fd);
  if (region === undefined) {
    closeFd(fd);
    return undefined;
  }
  try {
    const store = Region.of(region);
    return { region, fresh: new AnswerReader(store), stale: new AnswerReader(store, true) };
  } catch (error) {
    region.close();
    if (error instanceof StoreRegionError) return undefined;
    throw error;
  }
}
