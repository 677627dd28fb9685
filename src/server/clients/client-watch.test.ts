import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { MemoryIo } from "../../../test/support/memory-io.ts";
import { queryFor } from "../../../test/support/dns-client.ts";
import { writeSockaddr } from "../../base/address.ts";
import { FakeClock } from "../../base/clock.ts";
import { nameLength } from "../../dns/name.ts";
import { Metrics } from "../metrics/metrics.ts";
import { ASK_REGION_BYTES, AskReader, AskWriter } from "./ask-ring.ts";
import type { ReportWish } from "./client-report.ts";
import { ClientWatch, DRAIN_MS, WATCH_MS } from "./client-watch.ts";
import { LEDGER_SIZES, type Counting } from "./counting.ts";

const NXDOMAIN = 3;
const WISH: ReportWish = {
  limit: 100,
  namesEach: 10,
  clientOrder: "queries",
  nameOrder: "queries",
  clientFilter: "",
  nameFilter: "",
};

/** A watch over the rings of two threads, with time by hand. */
class Bench {
  readonly clock = new FakeClock();
  readonly metrics = Metrics.create({ threads: 3 });
  readonly #rings = [0, 1].map(() => new SharedArrayBuffer(ASK_REGION_BYTES));
  readonly readers = this.#rings.map((ring) => new AskReader(ring));
  readonly #writers = this.#rings.map((ring) => new AskWriter(ring));
  readonly watch: ClientWatch;

  constructor(t: TestContext, counting: Counting) {
    t.mock.timers.enable({ apis: ["setInterval", "setImmediate"] });
    const { clock, metrics, readers: asks } = this;
    this.watch = new ClientWatch({ clock, metrics, asks, counting, sizes: LEDGER_SIZES });
    t.after(() => this.watch.stop());
  }

  /** The fast path answers. */
  hit(thread: number, name: string, times = 1, rcode = 0): void {
    const writer = this.#writers[thread] ?? assert.fail();
    const wire = queryFor(name, 1);
    wire[3] = rcode;
    const io = new MemoryIo();
    io.put([wire]);
    if (!writer.begin()) return;
    for (let i = 0; i < times; i++) writer.put(io, 0, wire.length, wire.length, this.clock.monotonicMs());
    writer.end();
  }

  /** The main thread answers. */
  miss(name: string, rcode: number, receivedAtMs: number, seconds: number): void {
    if (!this.watch.on) return;
    const wire = queryFor(name, 1);
    const sockaddr = new Uint8Array(28);
    writeSockaddr(sockaddr, 0, "10.244.0.7", 4000);
    this.watch.asked(wire, nameLength(wire, 12, wire.length), sockaddr, rcode, receivedAtMs, seconds);
  }

  pass(t: TestContext, ms: number): void {
    for (let passed = 0; passed < ms; passed += DRAIN_MS) {
      this.clock.advanceMs(DRAIN_MS);
      t.mock.timers.tick(DRAIN_MS);
    }
  }
}

describe("counting by client", () => {
  it("begins when somebody looks, and ends when nobody has for a while", (t) => {
    const bench = new Bench(t, "watched");
    bench.hit(0, "a.example.");
    assert.equal(bench.watch.report(WISH), undefined);
    assert.deepEqual([bench.watch.on, bench.readers[0]?.every], [false, 0]);
    bench.watch.look();
    bench.hit(0, "b.example.");
    assert.deepEqual(
      bench.watch.report(WISH)?.names.map(({ name }) => name),
      ["b.example."],
    );
    bench.pass(t, WATCH_MS / 2);
    bench.watch.look();
    bench.pass(t, WATCH_MS);
    assert.equal(bench.watch.on, true);
    bench.pass(t, 2 * DRAIN_MS);
    assert.deepEqual([bench.watch.on, bench.readers[0]?.every], [false, 0]);
    bench.watch.look();
    assert.deepEqual(bench.watch.report(WISH)?.names, []);
  });

  it("is on all along, or never, where it is said so", (t) => {
    const always = new Bench(t, "always");
    always.hit(1, "a.example.");
    always.pass(t, 2 * WATCH_MS);
    assert.equal(always.watch.report(WISH)?.names[0]?.name, "a.example.");
    t.mock.timers.reset();
    const never = new Bench(t, "never");
    never.watch.look();
    never.hit(1, "a.example.");
    assert.equal(never.watch.report(WISH), undefined);
  });

  it("puts what threads tell into the order in which the queries came", (t) => {
    const bench = new Bench(t, "always");
    bench.clock.advanceMs(1000);
    // A walk along a search list: a miss that took long, a hit of each thread, a miss.
    const beganMs = bench.clock.monotonicMs();
    bench.clock.advanceMs(20);
    bench.hit(1, "www.x.svc.cluster.local.", 1, NXDOMAIN);
    bench.miss("www.x.shop.svc.cluster.local.", NXDOMAIN, beganMs, 0.02);
    bench.clock.advanceMs(1);
    bench.hit(0, "www.x.cluster.local.", 1, NXDOMAIN);
    bench.clock.advanceMs(1);
    bench.miss("www.x.", 0, bench.clock.monotonicMs(), 0.3);
    const [client] = bench.watch.report(WISH)?.clients ?? [];
    assert.deepEqual(
      [client?.queries, client?.nxdomain, client?.searchWaste, client?.misses, client?.missSeconds],
      [4, 3, 3, 2, 0.32],
    );
  });

  it("looks at fewer when there are many, and counts as many all the same", (t) => {
    const bench = new Bench(t, "always");
    const perDrain = 20_000;
    for (let drain = 0; drain < 20; drain++) {
      for (let i = 0; i < 10; i++) {
        bench.hit(0, "a.example.", perDrain / 20);
        bench.hit(1, "b.example.", perDrain / 20);
      }
      bench.pass(t, DRAIN_MS);
    }
    const counts = bench.watch.report(WISH) ?? assert.fail();
    assert.equal(counts.every, 16);
    assert.ok(counts.uncounted > 0 && counts.uncounted < 2 * perDrain, String(counts.uncounted));
    const all = 20 * perDrain;
    assert.ok(Math.abs(counts.counted + counts.uncounted - all) < all * 0.05, String(counts.counted));
    for (const { queries } of counts.names) {
      assert.ok(Math.abs(queries / counts.counted - 0.5) < 0.05, `${queries} of ${counts.counted}`);
    }
    bench.pass(t, 100 * DRAIN_MS);
    assert.equal(bench.watch.report(WISH)?.every, 1);
  });

  it("is shown as metrics with labels where it is asked for, and nowhere else", (t) => {
    const shown = (counting: Counting): (string | number)[][] => {
      const bench = new Bench(t, counting);
      bench.watch.look();
      bench.hit(0, "a.example.", 3, NXDOMAIN);
      bench.pass(t, DRAIN_MS);
      t.mock.timers.reset();
      return bench.metrics
        .collect()
        .filter(({ name }) => name.startsWith("nodens_client_"))
        .flatMap(({ name, samples }) =>
          samples
            .filter(({ suffix }) => suffix === "" || suffix === "_count")
            .map(({ labels, value }) => [name, labels["namespace"] ?? "?", labels["pod"] ?? "?", value]),
        );
    };
    assert.deepEqual(shown("always"), []);
    assert.deepEqual(shown("metrics"), [
      ["nodens_client_queries_total", "", "10.244.0.7", 3],
      ["nodens_client_nxdomain_total", "", "10.244.0.7", 3],
      ["nodens_client_search_waste_total", "", "10.244.0.7", 0],
      ["nodens_client_miss_duration_seconds", "", "10.244.0.7", 0],
    ]);
  });
});
