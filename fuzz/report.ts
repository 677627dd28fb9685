/** A campaign's report as lines for a person. */
import type { CampaignReport } from "./campaign.ts";

const MEBIBYTE = 1024 * 1024;

export function describeReport(target: string, seed: number, report: CampaignReport): string {
  const { runs, elapsedMs, outcomes, slowestMs, heapBytes, kept, findings } = report;
  const seconds = elapsedMs / 1000;
  const shares = Object.entries(outcomes)
    .toSorted(([, a], [, b]) => b - a)
    .map(([word, count]) => `${word} ${count}`);
  const heap = heapBytes.map((bytes) => (bytes / MEBIBYTE).toFixed(1));
  return [
    `${target}: ${runs} inputs in ${seconds.toFixed(1)} s, seed ${seed}: ${findings.length} findings`,
    `  ${shares.join(", ")}; ${kept} kept for being new`,
    `  slowest input ${slowestMs.toFixed(2)} ms; heap at each quarter ${heap.join(", ")} MiB`,
  ].join("\n");
}
