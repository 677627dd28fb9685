/**
 * How long a new server takes to take over the answers of the one before it.
 *
 * `node bench/micro/import.ts [entries]`: the first import in a new thread, when nothing is compiled yet (a server that has just
 * been started), and the same again in that thread. CPU is that of the thread, without the compiler's.
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { systemClock } from "../../src/base/clock.ts";
import { nameFromText } from "../../src/dns/name-text.ts";
import { buildQuery } from "../../src/dns/query-builder.ts";
import { admitQuery, QueryView } from "../../src/dns/query-view.ts";
import { ResponseScan, scanResponse } from "../../src/dns/response-scan.ts";
import { CLASS_IN, TYPE_A } from "../../src/dns/types.ts";
import { openRegion } from "../../src/linux/shared-region.ts";
import { AnswerStore } from "../../src/server/cache/answer-store.ts";
import { RegionEntries } from "../../src/server/cache/region-entries.ts";
import type { AnswerStoreHandle } from "../../src/server/cache/region.ts";
import { KIND_SUCCESS } from "../../src/server/cache/region-layout.ts";
import { answerInPlace, RESPONSE_EXTRA_BYTES } from "../template-answer.ts";

const BYTES = 32 * 1024 * 1024;
const ENTRIES = Number(process.argv[2] ?? 10_000);
const LIMITS = { success: 100_000, denial: 10_000, failure: 1024 };
const ROUNDS = 5;

if (isMainThread) new Worker(new URL(import.meta.url), { workerData: filledStore(), argv: [String(ENTRIES)] });
else importFrom(workerData as AnswerStoreHandle);

function importFrom(handle: AnswerStoreHandle): void {
  for (let round = 0; round < ROUNDS; round++) {
    const store = AnswerStore.create({ bytes: BYTES, clock: systemClock });
    const cpu = process.threadCpuUsage();
    const startMs = systemClock.monotonicMs();
    const source = RegionEntries.of(openRegion(handle.region), startMs);
    const { taken } = store.importFrom(source, 10_000);
    const ms = systemClock.monotonicMs() - startMs;
    if (taken < ENTRIES * 0.999) throw new Error(`${taken} of ${ENTRIES} entries were taken over`);
    const { user, system } = process.threadCpuUsage(cpu);
    const cpuMs = (user + system) / 1000;
    process.stdout.write(
      `${round === 0 ? "first" : "again"}: ${taken} entries in ${ms.toFixed(1)} ms, ${(taken / ms).toFixed(0)} a millisecond; ${cpuMs.toFixed(1)} ms of CPU\n`,
    );
  }
}

function filledStore(): AnswerStoreHandle {
  const store = AnswerStore.create({ bytes: BYTES, clock: systemClock });
  const partition = store.partition("bench");
  store.configure(partition, LIMITS);
  const view = new QueryView();
  const scan = new ResponseScan();
  for (let i = 0; i < ENTRIES; i++) {
    const wire = buildQuery(nameFromText(`service-${i}.namespace-${i % 50}.svc.cluster.local.`), TYPE_A, CLASS_IN, {
      id: 1,
      recursionDesired: true,
      checkingDisabled: false,
      dnssecOk: false,
      authenticData: false,
      udpSize: undefined,
    });
    admitQuery(wire, 0, wire.length, view);
    const message = new Uint8Array(wire.length + RESPONSE_EXTRA_BYTES);
    message.set(wire);
    const length = answerInPlace(message, 0, wire.length);
    if (scanResponse(message, 0, length, scan) !== 0) throw new Error("the bench's own answer is malformed");
    store.put(wire, view, partition, message.subarray(0, length), scan, {
      kind: KIND_SUCCESS,
      ttlS: 3600,
      staleS: 0,
      deniesName: false,
      aside: false,
      keepTtl: false,
      authoritative: false,
      answers: true,
    });
  }
  return store.handle;
}
