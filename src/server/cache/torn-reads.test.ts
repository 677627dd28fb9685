/** A reader in another thread never sees half of an answer, nor another question's. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { it } from "node:test";
import { Worker } from "node:worker_threads";
import { StoreBench } from "../../../test/support/cached-answers.ts";
import type { HammeringReport, HammeringTask } from "../../../test/support/hammering-reader.worker.ts";
import { responseTo } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";

const LETTERS = 24;

it("answers read while they are rewritten, moved, removed and re-stamped are whole and the right ones", async () => {
  // Small, so that slots change their owner and pages their size all the time.
  const bench = new StoreBench({ bytes: 400 << 10, hashKey: Int32Array.of(1, 2) });
  const names = "b c d f g h j k l m n p".split(" ");
  const queries = names.map((name) => testQuery(`${name}.example.`, "TXT"));
  const queryBytes = queries[0]?.wire.length ?? 0;
  const packed = new Uint8Array(queryBytes * queries.length);
  for (const [i, query] of queries.entries()) packed.set(query.wire, i * queryBytes);
  const answers = queries.map((query, i) =>
    Array.from({ length: LETTERS }, (_, letter) => {
      const text = String.fromCharCode(97 + letter).repeat(19 + letter * 9) + (names[i] ?? "");
      return responseTo(query, { answers: [`@ 1000 IN TXT "${text}"`] });
    }),
  );
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const task: HammeringTask = {
    handle: bench.store.handle,
    queries: packed,
    queryBytes,
    nameLength: queries[0]?.view.nameLength ?? 0,
    stop,
  };
  const worker = new Worker(new URL("../../../test/support/hammering-reader.worker.ts", import.meta.url), {
    workerData: task,
  });
  await once(worker, "message");
  const until = performance.now() + 250;
  let random = 1;
  let writes = 0;
  while (performance.now() < until) {
    for (let i = 0; i < 50; i++) {
      random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff;
      const name = (random >> 8) % names.length;
      const query = queries[name];
      const wire = answers[name]?.[(random >> 16) % LETTERS];
      if (query === undefined || wire === undefined) throw new Error("no such name");
      if ((random & 31) === 0) bench.store.remove(query.wire, query.view, 1);
      else bench.put(query, wire, { ttlS: 1000, answers: true });
      writes++;
    }
    bench.store.tick();
  }
  Atomics.store(stop, 0, 1);
  const [report] = (await once(worker, "message")) as [HammeringReport];
  await worker.terminate();
  assert.equal(report.torn, 0, `of ${report.hits} replies, ${writes} writes; first: ${report.example}`);
  assert.ok(report.hits > 1000, `${report.hits} hits, ${report.misses} misses, ${report.refused} refused`);
});
