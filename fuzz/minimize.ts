/** A smaller input that fails alike: pieces taken out, then bytes made plain. */
import { splice } from "./mutate-message.ts";

/**
 * @param failsAlike whether an input shows the same finding
 * @param untilMs `performance.now()` at which the best so far is taken
 * @param plain what bytes become when they do not matter; undefined: they stay (text)
 */
export async function minimize(
  input: Uint8Array,
  failsAlike: (candidate: Uint8Array) => Promise<boolean>,
  untilMs: number,
  plain: number | undefined,
): Promise<Uint8Array> {
  let best = input;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length;) {
      if (performance.now() > untilMs) return best;
      const candidate = splice(best, at, size, []);
      if (await failsAlike(candidate)) best = candidate;
      else at += size;
    }
  }
  if (plain === undefined) return best;
  for (let at = 0; at < best.length; at++) {
    if (performance.now() > untilMs) return best;
    if (best[at] === plain) continue;
    const candidate = splice(best, at, 1, [plain]);
    if (await failsAlike(candidate)) best = candidate;
  }
  return best;
}
