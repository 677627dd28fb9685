/** Answers of the servers before, taken over from the memory that their keeper holds. */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { adoptRegion } from "../../linux/adopt-region.ts";
import { closeFd } from "../../linux/fd.ts";
import type { AnswerStore } from "../cache/answer-store.ts";
import { StoreRegionError } from "../cache/region.ts";
import { RegionEntries } from "../cache/region-entries.ts";
import { ANSWERS_PREFIX } from "../keeper/names.ts";
import type { KeeperLink } from "./keeper-link.ts";

/** Meanwhile the standby answers hits: popular entries come first. A busy machine gives a process little of this time. */
const BUDGET_MS = 1000;

/**
 * Copies what is still good. The old memory stays kept, for the standby serves from it until this server does.
 *
 * @returns names under which it is kept
 */
export function inheritAnswers(keeper: KeeperLink, store: AnswerStore, clock: Clock, log: Log): string[] {
  // The last one kept first: what the store has already stays.
  const kept = keeper.takeAll(ANSWERS_PREFIX).toReversed();
  return kept.map(({ name, fd }) => {
    const region = adoptRegion(fd);
    if (region === undefined) {
      closeFd(fd);
      return name;
    }
    try {
      const { taken, complete, durationMs } = store.importFrom(
        RegionEntries.of(region, clock.monotonicMs()),
        BUDGET_MS,
      );
      log.info(
        `keeper: ${taken} answers taken over in ${Math.round(durationMs)} ms${complete ? "" : ", others left for want of time"}`,
      );
    } catch (error) {
      if (!(error instanceof StoreRegionError)) throw error;
      log.warning(`keeper: no answers are taken over: ${error.message}`);
    } finally {
      region.close();
    }
    return name;
  });
}
