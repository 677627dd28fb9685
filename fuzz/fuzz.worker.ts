/** One target's campaign in a thread that can be ended when an input never does. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parentPort, workerData } from "node:worker_threads";
import { BlackBox } from "./black-box.ts";
import { campaign, type CampaignReport } from "./campaign.ts";
import { seedsOf } from "./seeds.ts";
import { loadTarget, type TargetName } from "./targets.ts";

export interface FuzzJob {
  readonly target: TargetName;
  readonly seconds: number;
  readonly runs: number;
  readonly seed: number;
  readonly blackBox: SharedArrayBuffer;
}

export type FuzzMessage = { readonly kind: "report"; readonly report: CampaignReport };

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What this thread holds, after a collection. */
function heapBytes(): number {
  // What holds memory outside of the heap goes with the second one.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const job = workerData as FuzzJob;
const box = new BlackBox(job.blackBox);
const target = await loadTarget(job.target);
const report = await campaign(target, {
  seed: job.seed,
  runs: job.runs,
  untilMs: performance.now() + job.seconds * 1000,
  seeds: seedsOf(target).map(({ input }) => input),
  heapBytes,
  onInput: (input) => box.note(input),
});
parentPort?.postMessage({ kind: "report", report } satisfies FuzzMessage);
