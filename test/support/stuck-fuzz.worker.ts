/** Stands in for `fuzz/fuzz.worker.ts`: notes an input and then does what it was told. */
import { workerData } from "node:worker_threads";
import { BlackBox } from "../../fuzz/black-box.ts";
import type { FuzzJob } from "../../fuzz/fuzz.worker.ts";

const job = workerData as FuzzJob;
new BlackBox(job.blackBox).note(Uint8Array.of(1, 2, 3));
if (job.seed === 1) for (;;);
if (job.seed === 2) throw new Error("it broke");
