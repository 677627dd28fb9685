/** Runs one target's campaign in a thread, and tells when that thread hangs or dies, and of which input. */
import { Worker } from "node:worker_threads";
import { BlackBox } from "./black-box.ts";
import type { CampaignReport, Finding } from "./campaign.ts";
import type { FuzzJob, FuzzMessage } from "./fuzz.worker.ts";

/** An input that does not end in this time never does: far beyond what a busy machine takes from a thread. */
const HANG_MS = 20_000;
const LOOK_EVERY_MS = 1000;
const HEAP_MAX_MB = 1024;

export interface Supervised {
  /** undefined when the campaign did not come to its end. */
  readonly report: CampaignReport | undefined;
  readonly findings: readonly Finding[];
}

export interface SupervisedOptions {
  /** Default: the campaign of `fuzz.worker.ts`. */
  readonly worker?: URL;
  /** Default 20 s. */
  readonly hangMs?: number;
}

export async function runSupervised(
  job: Omit<FuzzJob, "blackBox">,
  options: SupervisedOptions = {},
): Promise<Supervised> {
  const memory = new SharedArrayBuffer(BlackBox.BYTES);
  const box = new BlackBox(memory);
  const worker = new Worker(options.worker ?? new URL("./fuzz.worker.ts", import.meta.url), {
    workerData: { ...job, blackBox: memory } satisfies FuzzJob,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
  });
  const hangMs = options.hangMs ?? HANG_MS;
  return new Promise<Supervised>((resolve) => {
    let count = box.count;
    let sinceMs = performance.now();
    let settled = false;
    const settle = (result: Supervised): void => {
      if (settled) return;
      settled = true;
      clearInterval(timer);
      void worker.terminate().then(() => resolve(result));
    };
    const failed = (kind: Finding["kind"], message: string): void => {
      settle({ report: undefined, findings: [{ kind, message, input: box.input() }] });
    };
    const timer = setInterval(
      () => {
        const nowMs = performance.now();
        if (box.count !== count) {
          count = box.count;
          sinceMs = nowMs;
        } else if (nowMs - sinceMs > hangMs && count !== 0) {
          failed("hang", `does not end within ${hangMs} ms`);
        }
      },
      Math.min(LOOK_EVERY_MS, hangMs / 4),
    );
    worker.on("message", ({ report }: FuzzMessage) => settle({ report, findings: report.findings }));
    worker.on("error", (error: unknown) => failed("error", `ends the thread: ${String(error)}`));
    worker.on("exit", () => failed("error", "ends the thread"));
  });
}
