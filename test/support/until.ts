import { setTimeout as sleep } from "node:timers/promises";

/** Waits until something is so. @throws Error when that takes longer than `ms` */
export async function until(isSo: () => boolean, what: string, ms = 10_000): Promise<void> {
  const deadlineMs = performance.now() + ms;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(5);
  }
}
