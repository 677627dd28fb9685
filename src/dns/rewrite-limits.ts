/**
 * Which responses may be taken apart and written anew on the way through: writing takes ten times as long as reading,
 * and more with many labels, so whoever sends responses could keep a server busy with it.
 */
import type { ResponseScan } from "./response-scan.ts";

const BYTES_MAX = 16_384;
const RECORDS_MAX = 500;
const NAME_STEPS_MAX = 16_384;

/** Whether a response that `scan` accepted can be written anew in a few milliseconds. */
export function isQuickToRewrite(scan: ResponseScan): boolean {
  const records = scan.answerCount + scan.authorityCount + scan.additionalCount;
  return scan.end <= BYTES_MAX && records <= RECORDS_MAX && scan.nameSteps <= NAME_STEPS_MAX;
}
