/**
 * What our JavaScript costs per cached answer: the fast path over memory, without a kernel.
 *
 * `node bench/micro/fast-path.ts`: nanoseconds per query over a batch of 64, for hits of 12 names; with nobody who wants to know
 * who asked, and with one who does.
 */
import { FakeClock } from "../../src/base/clock.ts";
import { nameFromText } from "../../src/dns/name-text.ts";
import { buildQuery } from "../../src/dns/query-builder.ts";
import { admitQuery, QueryView } from "../../src/dns/query-view.ts";
import { ResponseScan, scanResponse } from "../../src/dns/response-scan.ts";
import { CLASS_IN, TYPE_A } from "../../src/dns/types.ts";
import { AnswerReader } from "../../src/server/cache/answer-reader.ts";
import { AnswerStore } from "../../src/server/cache/answer-store.ts";
import { ASK_REGION_BYTES, AskReader, AskWriter } from "../../src/server/clients/ask-ring.ts";
import { KIND_SUCCESS } from "../../src/server/cache/region-layout.ts";
import type { DatagramIo } from "../../src/server/fastpath/datagram-io.ts";
import { FastPath } from "../../src/server/fastpath/fast-path.ts";
import { ZoneTable } from "../../src/server/fastpath/zone-table.ts";
import { Metrics } from "../../src/server/metrics/metrics.ts";
import { answerInPlace } from "../template-answer.ts";

const BATCH = 64;
const STRIDE = 4224;
const NAMES = 12;
const ROUNDS = 50_000;

const clock = new FakeClock();
const store = AnswerStore.create({ bytes: 4 * 1024 * 1024, clock });
const metrics = Metrics.create({ threads: 2 });
const partition = store.partition("bench");
store.configure(partition, { success: 10_000, denial: 10_000, failure: 1024 });
const queries = Array.from({ length: NAMES }, (_, i) => query(`service-${i}.default.svc.cluster.local.`));
for (const wire of queries) put(wire);

/** Twelve queries over and over, replies thrown away. */
class MemoryIo implements DatagramIo {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly #templates: Uint8Array;
  readonly #lengths: Int32Array;

  constructor() {
    const buffer = new ArrayBuffer(BATCH * STRIDE + BATCH * 32);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.#templates = new Uint8Array(BATCH * 64);
    this.#lengths = new Int32Array(BATCH);
    for (let i = 0; i < BATCH; i++) {
      const wire = queries[i % NAMES] ?? new Uint8Array(0);
      this.#templates.set(wire, i * 64);
      this.#lengths[i] = wire.length;
      this.bytes[this.sockaddrAt(i)] = 2;
    }
  }

  receive(): number {
    for (let i = 0; i < BATCH; i++) {
      const length = this.#lengths[i] ?? 0;
      for (let b = 0; b < length; b++) this.bytes[i * STRIDE + b] = this.#templates[i * 64 + b] ?? 0;
    }
    return BATCH;
  }
  slotAt(i: number): number {
    return i * STRIDE;
  }
  lengthOf(i: number): number {
    return this.#lengths[i] ?? 0;
  }
  sockaddrAt(i: number): number {
    return BATCH * STRIDE + i * 32;
  }
  controlAt(): number {
    return 0;
  }
  controlLength(): number {
    return 0;
  }
  reply(): void {}
  flush(): number {
    return 0;
  }
}

const io = new MemoryIo();
const asked = new SharedArrayBuffer(ASK_REGION_BYTES);
const asks = new AskReader(asked);
let missed = 0;
const fastPath = new FastPath({
  clock,
  reader: new AnswerReader(store.handle),
  rows: metrics.rows,
  counters: metrics.fastpath,
  thread: 1,
  relay: {
    push: () => {
      missed++;
      return true;
    },
  },
  asks: new AskWriter(asked),
});
const zones = new ZoneTable([
  { name: nameFromText("in-addr.arpa."), partition: partition + 1, row: 1, slow: false },
  { name: nameFromText("."), partition: partition + 2, row: 2, slow: false },
  { name: nameFromText("cluster.local."), partition, row: 3, slow: false },
]);

for (const phase of ["warm-up", "measured", "measured", "measured"]) {
  const emptyNs = time(() => io.receive());
  const [unaskedNs, askedNs] = [0, 1].map((every) => {
    asks.every = every;
    return time(() => {
      asks.skip();
      return fastPath.serve(io, 0, zones);
    });
  });
  if (phase === "measured") {
    process.stdout.write(
      `${((unaskedNs ?? 0) - emptyNs).toFixed(0)} ns per cached answer, ${((askedNs ?? 0) - emptyNs).toFixed(0)} with who asked ` +
        `(copying the query in: ${emptyNs.toFixed(0)} ns)\n`,
    );
  }
}
if (missed > 0) throw new Error(`${missed} misses`);

function time(batch: () => number): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < ROUNDS; i++) batch();
  return Number(process.hrtime.bigint() - start) / ROUNDS / BATCH;
}

function query(name: string): Uint8Array {
  return buildQuery(nameFromText(name), TYPE_A, CLASS_IN, {
    id: 1,
    recursionDesired: true,
    checkingDisabled: false,
    dnssecOk: false,
    authenticData: false,
    udpSize: undefined,
  });
}

function put(wire: Uint8Array): void {
  const view = new QueryView();
  admitQuery(wire, 0, wire.length, view);
  const message = new Uint8Array(wire.length + 64);
  message.set(wire);
  const length = answerInPlace(message, 0, wire.length);
  const scan = new ResponseScan();
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
