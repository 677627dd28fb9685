import assert from "node:assert/strict";
import { afterEach, describe, it, mock } from "node:test";
import { decodeMessage } from "../../../dns/message.ts";
import { FLAG_AA, FLAG_AD, FLAG_CD, FLAG_RD } from "../../../dns/header.ts";
import { StoreBench } from "../../../../test/support/cached-answers.ts";
import { nodata, nxdomain, positive, responseTo, truncated } from "../../../../test/support/responses.ts";
import { setUp, testQuery, testServer } from "../../../../test/support/setup-context.ts";
import type { Answer } from "../../chain/answer.ts";
import type { PluginInstance } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { cache } from "./cache.ts";

type Upstream = (query: Query) => Answer | Promise<Answer>;

/** A server block of which the cache is all, with an upstream behind it that a test may change. */
class CacheBench {
  readonly store = new StoreBench();
  readonly metrics = Metrics.create({ threads: 1 });
  /** What came to the upstream. */
  readonly queries: Query[] = [];
  readonly instance: PluginInstance;
  readonly lines: string[];
  readonly #serve: (query: Query) => Promise<Answer>;
  upstream: Upstream;

  constructor(directive: string, upstream: Upstream, compat: "1.12" | "1.14" = "1.14") {
    this.upstream = upstream;
    const { instance, context } = setUp(cache, `.:53 {\n${directive}\n}`, {
      store: this.store.store,
      clock: this.store.clock,
      metrics: this.metrics,
      partition: 1,
      compat,
    });
    this.instance = instance;
    this.lines = context.log.lines;
    const handler = instance.handler?.({
      serve: async (query) => {
        this.queries.push(query);
        return this.upstream(query);
      },
    });
    this.#serve = (query) => handler?.serve(query) ?? Promise.reject(new Error("no handler"));
    void instance.start?.();
  }

  async ask(query: Query): Promise<Answer> {
    return this.#serve(query);
  }

  /** rcode, address or SOA or "", TTL of the first record. */
  async say(query: Query): Promise<string> {
    return describeAnswer(await this.ask(query));
  }

  async count(name: string): Promise<Record<string, number>> {
    const { body } = await this.metrics.expose();
    const out: Record<string, number> = {};
    for (const [, type = "", value = ""] of body.matchAll(
      new RegExp(`^${name}{server="[^"]*"(?:,type="([^"]*)")?,zones="[^"]*",view=""} (\\S+)$`, "gm"),
    )) {
      out[type] = Number(value);
    }
    return out;
  }
}

function describeAnswer(answer: Answer): string {
  const { rcode, answers, authority } = decodeMessage(answer.wire);
  const [record] = [...answers, ...authority];
  const data = record?.data;
  return [rcode, data?.kind === "a" ? data.address.join(".") : (data?.kind ?? ""), record?.ttl ?? ""].join(" ").trim();
}

const answering =
  (address: string, ttl: number): Upstream =>
  (query) => ({ wire: positive(query, ttl, address), plugin: "forward" });
const failing: Upstream = (query) => ({ wire: responseTo(query, { rcode: 2 }), plugin: "forward" });
const refused = (query: Query): Answer => ({ wire: responseTo(query, { rcode: 5 }), plugin: "forward" });
const refusing: Upstream = refused;
const timingOut: Upstream = (query) => ({
  wire: responseTo(query, { rcode: 2 }),
  plugin: "forward",
  error: new Error("i/o timeout"),
});
const denying: Upstream = (query) => ({ wire: nxdomain(query, 60), plugin: "forward" });

const www = (type = "A", options: Parameters<typeof testQuery>[2] = {}): Query =>
  testQuery("www.example.org.", type, options);

/** Lets everything that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("cache", () => {
  it("answers the second query by itself, and ages the TTL", async () => {
    const bench = new CacheBench("cache", answering("192.0.2.1", 60));
    const first = await bench.ask(www());
    assert.equal(first.plugin, "forward");
    assert.equal(describeAnswer(first), "0 192.0.2.1 60");
    bench.store.advanceS(10);
    const second = await bench.ask(www());
    assert.equal(second.plugin, "cache");
    assert.equal(describeAnswer(second), "0 192.0.2.1 50");
    assert.equal(bench.queries.length, 1);
    assert.ok(bench.store.read(www()) !== undefined, "the fast path finds it too");
  });

  it("caps the TTL of the reply that fetched the answer as well, of every record", async () => {
    const bench = new CacheBench("cache 30", (query) => ({
      wire: responseTo(query, { answers: ["@ 3600 IN A 192.0.2.1"], additional: ["x. 86400 IN A 192.0.2.2"] }),
      plugin: "forward",
    }));
    const { answers, additional } = decodeMessage((await bench.ask(www())).wire);
    assert.deepEqual([answers[0]?.ttl, additional[0]?.ttl], [30, 30]);
  });

  it("does not touch the message it was given", async () => {
    const wires: Uint8Array[] = [];
    const bench = new CacheBench("cache 30", (query) => {
      const wire = positive(query, 3600);
      wires.push(wire, wire.slice());
      return { wire, plugin: "forward" };
    });
    await bench.ask(www());
    assert.deepEqual(wires[0], wires[1]);
  });

  it("passes on what is outside its zones, as it is", async () => {
    const bench = new CacheBench("cache example.net", answering("192.0.2.1", 86_400));
    assert.equal(await bench.say(www()), "0 192.0.2.1 86400");
    assert.equal(await bench.say(www()), "0 192.0.2.1 86400");
    assert.equal(bench.queries.length, 2);
    assert.deepEqual(await bench.count("coredns_cache_requests_total"), {});
  });

  it("asks with AD, so that it learns whether the answer is authentic, and keeps all else of the query", async () => {
    const bench = new CacheBench("cache", answering("192.0.2.1", 60));
    const query = www("A", { checkingDisabled: true });
    await bench.ask(query);
    const [asked] = bench.queries;
    assert.equal(asked?.view.flags, FLAG_RD | FLAG_CD | FLAG_AD);
    assert.deepEqual(asked.wire.slice(12), query.wire.slice(12));
    assert.equal(query.view.flags, FLAG_RD | FLAG_CD, "the query itself is as it was");
  });

  it("keeps DO, CD and type apart", async () => {
    const bench = new CacheBench("cache", answering("192.0.2.1", 60));
    for (const query of [www(), www("A", { dnssecOk: true }), www("A", { checkingDisabled: true }), www("TXT")]) {
      await bench.ask(query);
    }
    assert.equal(bench.queries.length, 4);
  });

  it("clears AA on hits, or sets it as CoreDNS 1.12 does, and leaves it on the first reply", async () => {
    for (const [compat, onHit] of [["1.14", 0] as const, ["1.12", FLAG_AA] as const]) {
      for (const authoritative of [true, false]) {
        const upstream: Upstream = (query) => ({
          wire: responseTo(query, { answers: ["@ 60 IN A 192.0.2.1"], authoritative }),
          plugin: "forward",
        });
        const bench = new CacheBench("cache", upstream, compat);
        const first = decodeMessage((await bench.ask(www())).wire);
        assert.equal(first.flags & FLAG_AA, authoritative ? FLAG_AA : 0);
        assert.equal(decodeMessage((await bench.ask(www())).wire).flags & FLAG_AA, onHit);
      }
    }
  });

  describe("does not keep", () => {
    const refused: [string, Query, Upstream][] = [
      ["a cut answer", www(), (query) => ({ wire: truncated(query, 60), plugin: "forward" })],
      ["an answer to a query without RD", www("A", { recursionDesired: false }), answering("192.0.2.1", 60)],
      ["YXDOMAIN", www(), (query) => ({ wire: responseTo(query, { rcode: 6 }), plugin: "forward" })],
      [
        "an answer to another question",
        www(),
        () => ({ wire: positive(testQuery("other.example.org.", "A"), 60), plugin: "forward" }),
      ],
      ["half a message", www(), (query) => ({ wire: positive(query, 60).slice(0, -1), plugin: "forward" })],
      ["nothing", www(), (query) => ({ wire: responseTo(query, {}), plugin: "forward", dropped: true })],
    ];
    for (const [what, query, upstream] of refused) {
      it(what, async () => {
        const bench = new CacheBench("cache", upstream);
        await bench.ask(query);
        await bench.ask(query);
        assert.equal(bench.queries.length, 2);
        assert.equal(bench.store.store.size, 0);
      });
    }

    it("what `disable` names, and counts it as a miss each time", async () => {
      const bench = new CacheBench(
        "cache {\ndisable success a.example.org\ndisable denial b.example.org\n}",
        answering("192.0.2.1", 60),
      );
      const a = testQuery("x.A.example.org.", "A");
      const b = testQuery("b.example.org.", "A");
      for (const query of [a, a, b, b]) await bench.ask(query);
      assert.equal(bench.queries.length, 3);
      bench.upstream = denying;
      const [deniedA, deniedB] = [testQuery("y.a.example.org.", "A"), testQuery("y.b.example.org.", "A")];
      for (const query of [deniedA, deniedA, deniedB, deniedB]) await bench.ask(query);
      assert.equal(bench.queries.length, 6);
    });
  });

  it("counts what does not belong as dropped", async () => {
    const bench = new CacheBench("cache", () => ({
      wire: positive(testQuery("other.example.org.", "A"), 60),
      plugin: "forward",
    }));
    await bench.ask(www());
    assert.deepEqual(await bench.count("coredns_cache_drops_total"), { "": 1 });
  });

  it("takes an OPT off before it keeps an answer", async () => {
    const bench = new CacheBench("cache", (query) => {
      const opt = Uint8Array.of(0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0);
      const extra = Uint8Array.of(0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4);
      const wire = new Uint8Array([...positive(query, 60), ...opt, ...extra]);
      wire[11] = 2;
      return { wire, plugin: "forward" };
    });
    await bench.ask(www());
    const { edns, additional } = decodeMessage((await bench.ask(www())).wire);
    assert.deepEqual([edns, additional.length], [undefined, 1]);
    assert.equal(bench.queries.length, 1);
  });

  describe("failures", () => {
    it("are kept for 5 seconds, with an extended error", async () => {
      const bench = new CacheBench("cache", failing);
      await bench.ask(www());
      bench.store.advanceS(4);
      const second = await bench.ask(www());
      assert.equal(decodeMessage(second.wire).rcode, 2);
      assert.deepEqual([second.plugin, second.extendedError?.code], ["cache", 13]);
      assert.equal(bench.queries.length, 1);
      bench.store.advanceS(1);
      await bench.ask(www());
      assert.equal(bench.queries.length, 2);
    });

    it("of the upstream's silence are kept for a second at least, two at most", async () => {
      const bench = new CacheBench("cache", timingOut);
      assert.ok((await bench.ask(www())).error !== undefined);
      bench.store.advanceS(1);
      assert.equal((await bench.ask(www())).error, undefined, "`errors` logs it once");
      bench.store.advanceS(1);
      await bench.ask(www());
      assert.equal(bench.queries.length, 2);
    });

    it("that are refusals are kept for two seconds at most, but for our own", async () => {
      const bench = new CacheBench("cache", refusing);
      assert.equal(await bench.say(www()), "5");
      const held = await bench.ask(www());
      assert.deepEqual([describeAnswer(held), held.extendedError?.code], ["5", 13]);
      bench.store.advanceS(2);
      await bench.ask(www());
      assert.equal(bench.queries.length, 2);
      const busy = new CacheBench("cache", (query) => ({ ...refused(query), error: new Error("i/o timeout") }));
      for (let i = 0; i < 2; i++) assert.equal(await busy.say(www()), "5");
      assert.equal(busy.queries.length, 2);
    });

    it("are not kept with `servfail 0`", async () => {
      const bench = new CacheBench("cache {\nservfail 0\n}", failing);
      await bench.ask(www());
      await bench.ask(www());
      assert.equal(bench.queries.length, 2);
    });

    it("neither hide an answer that is held nor push it out", async () => {
      const bench = new CacheBench("cache {\nserve_stale\nservfail 1m\n}", answering("192.0.2.1", 10));
      await bench.ask(www());
      bench.store.advanceS(11);
      bench.upstream = failing;
      await bench.ask(www());
      await settle();
      assert.equal(await bench.say(www()), "0 192.0.2.1 30");
      assert.equal(bench.queries.length, 2, "the failure says what asking again would");
      bench.store.advanceS(61);
      bench.upstream = answering("192.0.2.2", 10);
      await bench.ask(www());
      await settle();
      assert.equal(await bench.say(www()), "0 192.0.2.2 10");
    });
  });

  it("answers every type of a denied name, and counts the hit as a denial", async () => {
    const bench = new CacheBench("cache", denying);
    await bench.ask(www());
    assert.equal(await bench.say(www("AAAA")), "3 soa 60");
    assert.equal(bench.queries.length, 1);
    assert.deepEqual(await bench.count("coredns_cache_hits_total"), { denial: 1 });
  });

  it("holds an NXDOMAIN without SOA for its own type", async () => {
    const bench = new CacheBench("cache", (query) => ({ wire: responseTo(query, { rcode: 3 }), plugin: "forward" }));
    await bench.ask(www());
    await bench.ask(www("AAAA"));
    await bench.ask(www());
    assert.equal(bench.queries.length, 2);
    bench.store.advanceS(5);
    await bench.ask(www());
    assert.equal(bench.queries.length, 3);
  });

  it("keeps TTLs with `keepttl`", async () => {
    const bench = new CacheBench("cache {\nkeepttl\n}", answering("192.0.2.1", 60));
    await bench.ask(www());
    bench.store.advanceS(59);
    assert.equal(await bench.say(www()), "0 192.0.2.1 60");
    bench.store.advanceS(1);
    await bench.ask(www());
    assert.equal(bench.queries.length, 2);
  });

  it("stores one answer once for all who waited for it", async () => {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const bench = new CacheBench("cache 30", () => promise);
    const waiting = Array.from({ length: 20 }, () => bench.ask(www()));
    await settle();
    resolve({ wire: positive(www(), 3600), plugin: "forward" });
    const answers = await Promise.all(waiting);
    assert.ok(
      answers.every((answer) => answer.wire === answers[0]?.wire),
      "one copy was made",
    );
    assert.deepEqual(new Set(answers.map(describeAnswer)), new Set(["0 192.0.2.1 30"]));
  });

  describe("serve_stale", () => {
    afterEach(() => mock.timers.reset());

    /** A cache that holds 192.0.2.1, ten seconds expired. */
    async function expired(options: string, ttl = 30): Promise<CacheBench> {
      const bench = new CacheBench(`cache {\n${options}\n}`, answering("192.0.2.1", ttl));
      await bench.ask(www());
      bench.store.advanceS(ttl + 10);
      bench.queries.length = 0;
      return bench;
    }

    it("is off unless configured", async () => {
      const bench = await expired("success 1024");
      bench.upstream = failing;
      assert.equal(await bench.say(www()), "2");
    });

    it("immediate: serves the expired answer at once, TTL 30, and refreshes it once", async () => {
      const bench = await expired("serve_stale");
      const { promise, resolve } = Promise.withResolvers<Answer>();
      bench.upstream = () => promise;
      const answer = await bench.ask(www());
      assert.equal(describeAnswer(answer), "0 192.0.2.1 30");
      assert.deepEqual([answer.plugin, answer.extendedError?.code], ["cache", 3]);
      assert.equal(await bench.say(www("A", { client: "10.240.0.2" })), "0 192.0.2.1 30");
      assert.equal(bench.queries.length, 1);
      resolve({ wire: positive(www(), 60, "192.0.2.2"), plugin: "forward" });
      await settle();
      assert.equal(await bench.say(www()), "0 192.0.2.2 60");
      assert.deepEqual(await bench.count("coredns_cache_served_stale_total"), { "": 2 });
      assert.deepEqual(await bench.count("coredns_cache_prefetch_total"), { "": 1 });
      assert.deepEqual(await bench.count("coredns_cache_hits_total"), { success: 3 });
    });

    it("gives stale answers TTL 0 as CoreDNS does, when told to", async () => {
      for (const [options, compat, ttl] of [
        ["serve_stale", "1.12", 0],
        ["serve_stale 1h immediate 0s", "1.14", 0],
        ["serve_stale\nkeepttl", "1.12", 50],
        ["serve_stale\nkeepttl", "1.14", 50],
      ] as const) {
        const bench = new CacheBench(`cache {\n${options}\n}`, answering("192.0.2.1", 50), compat);
        await bench.ask(www());
        bench.store.advanceS(51);
        bench.upstream = failing;
        assert.equal(await bench.say(www()), `0 192.0.2.1 ${ttl}`, `${options} ${compat}`);
        await settle();
      }
    });

    it("gives stale answers the TTL that is configured, and never AD", async () => {
      const upstream: Upstream = (query) => ({
        wire: responseTo(query, { answers: ["@ 30 IN A 192.0.2.1"], flags: FLAG_AD }),
        plugin: "forward",
      });
      const bench = new CacheBench("cache {\nserve_stale 1h immediate 30s\n}", upstream);
      assert.equal(decodeMessage((await bench.ask(www())).wire).flags & FLAG_AD, FLAG_AD);
      assert.equal(decodeMessage((await bench.ask(www())).wire).flags & FLAG_AD, FLAG_AD);
      bench.store.advanceS(31);
      bench.upstream = failing;
      const answer = await bench.ask(www());
      assert.equal(describeAnswer(answer), "0 192.0.2.1 30");
      assert.equal(decodeMessage(answer.wire).flags & FLAG_AD, 0);
    });

    it("says that a stale denial is one", async () => {
      const bench = new CacheBench("cache {\nserve_stale\n}", denying);
      await bench.ask(www());
      bench.store.advanceS(61);
      const answer = await bench.ask(www());
      assert.deepEqual([decodeMessage(answer.wire).rcode, answer.extendedError?.code], [3, 19]);
    });

    it("ends after its duration", async () => {
      const bench = await expired("serve_stale 20s");
      bench.store.advanceS(9);
      assert.equal((await bench.ask(www())).plugin, "cache");
      await settle();
      const late = await expired("serve_stale 20s");
      late.store.advanceS(10);
      late.upstream = failing;
      assert.equal(await late.say(www()), "2");
    });

    it("ends sooner when a reload shortened it", async () => {
      const bench = await expired("serve_stale 1h");
      const { instance } = setUp(cache, ".:53 {\ncache {\nserve_stale 5s\n}\n}", {
        store: bench.store.store,
        clock: bench.store.clock,
        metrics: bench.metrics,
        partition: 1,
      });
      const handler = instance.handler?.({ serve: async (query) => failing(query) });
      const answer = await handler?.serve(www());
      assert.equal(answer === undefined ? "" : describeAnswer(answer), "2");
    });

    const verified: [string, Upstream, string, string][] = [
      ["a new answer", answering("192.0.2.2", 60), "0 192.0.2.2 60", "forward"],
      ["an NXDOMAIN", denying, "3 soa 60", "forward"],
      ["no data", (query) => ({ wire: nodata(query, 60), plugin: "forward" }), "0 soa 60", "forward"],
      ["SERVFAIL", failing, "0 192.0.2.1 30", "cache"],
      ["REFUSED", refusing, "0 192.0.2.1 30", "cache"],
      ["no response", timingOut, "0 192.0.2.1 30", "cache"],
      ["a cut answer", (query) => ({ wire: truncated(query, 60), plugin: "forward" }), "0 192.0.2.1 30", "cache"],
    ];
    for (const [what, upstream, expected, plugin] of verified) {
      it(`verify: serves ${plugin === "cache" ? "stale" : "fresh"} when the upstream gives ${what}`, async () => {
        const bench = await expired("serve_stale 1h verify");
        bench.upstream = upstream;
        const answer = await bench.ask(www());
        assert.deepEqual([describeAnswer(answer), answer.plugin], [expected, plugin]);
      });
    }

    it("verify: serves stale after 1.8 seconds of the client's time, and takes the late answer in", async () => {
      mock.timers.enable({ apis: ["setTimeout"] });
      const bench = await expired("serve_stale 1h verify");
      const { promise, resolve } = Promise.withResolvers<Answer>();
      bench.upstream = () => promise;
      // It had already waited for 300 ms when it got here.
      const query = www("A", { receivedAtMs: bench.store.clock.monotonicMs() - 300 });
      let said: string | undefined;
      const asking = bench.say(query).then((text) => (said = text));
      mock.timers.tick(1499);
      await settle();
      assert.equal(said, undefined);
      mock.timers.tick(1);
      assert.equal(await asking, "0 192.0.2.1 30");
      resolve({ wire: positive(www(), 60, "192.0.2.2"), plugin: "forward" });
      await settle();
      assert.equal(await bench.say(www()), "0 192.0.2.2 60");
      assert.equal(bench.queries.length, 1);
    });

    it("verify: waits no longer than its timeout", async () => {
      mock.timers.enable({ apis: ["setTimeout"] });
      const bench = await expired("serve_stale 1h verify 100ms 7s");
      bench.upstream = () => new Promise(() => undefined);
      const asking = bench.say(www("A", { receivedAtMs: bench.store.clock.monotonicMs() }));
      await settle();
      mock.timers.tick(100);
      assert.equal(await asking, "0 192.0.2.1 7");
    });

    it("verify: all who ask meanwhile wait for one refresh", async () => {
      const bench = await expired("serve_stale 1h verify");
      const { promise, resolve } = Promise.withResolvers<Answer>();
      bench.upstream = () => promise;
      const receivedAtMs = bench.store.clock.monotonicMs();
      const asking = Array.from({ length: 5 }, () => bench.say(www("A", { receivedAtMs })));
      await settle();
      resolve({ wire: positive(www(), 60, "192.0.2.2"), plugin: "forward" });
      assert.deepEqual(new Set(await Promise.all(asking)), new Set(["0 192.0.2.2 60"]));
      assert.equal(bench.queries.length, 1);
    });

    it("rests after a failed refresh for FAILURE_RECHECK", async () => {
      for (const mode of ["immediate", "verify 0"]) {
        const bench = await expired(`serve_stale 1h ${mode} 30s 20s\nservfail 0`);
        bench.upstream = refusing;
        for (let i = 0; i < 3; i++) {
          assert.equal(await bench.say(www()), "0 192.0.2.1 30");
          await settle();
        }
        assert.equal(bench.queries.length, 1, mode);
        bench.store.advanceS(20);
        await bench.ask(www());
        assert.equal(bench.queries.length, 2, mode);
      }
    });

    it("refreshes with RD and AD, and the DO and CD of the question", async () => {
      const query = www("A", { dnssecOk: true, checkingDisabled: true });
      const bench = new CacheBench("cache {\nserve_stale\n}", answering("192.0.2.1", 30));
      await bench.ask(query);
      bench.store.advanceS(40);
      await bench.ask(www("A", { dnssecOk: true, checkingDisabled: true, recursionDesired: false }));
      const refresh = bench.queries.at(-1);
      assert.equal(refresh?.view.flags, FLAG_RD | FLAG_AD | FLAG_CD);
      assert.equal(refresh.view.dnssecOk, true);
    });

    it("logs a defect behind it that nobody waits for", async () => {
      const bench = await expired("serve_stale");
      bench.upstream = () => Promise.reject(new Error("broken"));
      assert.equal(await bench.say(www()), "0 192.0.2.1 30");
      await settle();
      assert.deepEqual(bench.lines, ["[ERROR] plugin/cache: refresh failed: broken"]);
    });
  });

  describe("prefer_positive", () => {
    const policy = "serve_stale 1h verify\nserve_stale_policy prefer_positive";

    it("serves the answer it had, whatever denial or failure came since, until it is too old", async () => {
      for (const upstream of [
        denying,
        failing,
        (query: Query) => ({ wire: nodata(query, 60), plugin: "forward" }),
        (query: Query) => ({ wire: responseTo(query, {}), plugin: "forward" }),
        (query: Query) => ({
          wire: responseTo(query, { authority: ["example.org. 60 IN NS ns.example.org."] }),
          plugin: "forward",
        }),
      ]) {
        const bench = new CacheBench(`cache {\n${policy}\n}`, answering("192.0.2.1", 30));
        await bench.ask(www());
        bench.store.advanceS(40);
        bench.upstream = upstream;
        assert.equal(await bench.say(www()), "0 192.0.2.1 30");
        bench.store.advanceS(5);
        assert.equal(await bench.say(www()), "0 192.0.2.1 30");
        bench.store.advanceS(3600);
        assert.notEqual((await bench.say(www())).slice(0, 11), "0 192.0.2.1");
      }
    });

    it("serves the denial when there is no positive answer left, and lets an answer replace both", async () => {
      const bench = new CacheBench("cache {\nserve_stale 50s verify\nserve_stale_policy prefer_positive\n}", denying);
      await bench.ask(www());
      assert.equal(await bench.say(www()), "3 soa 60");
      bench.upstream = answering("192.0.2.2", 30);
      bench.store.advanceS(61);
      assert.equal(await bench.say(www()), "0 192.0.2.2 30");
      bench.store.advanceS(31);
      bench.upstream = answering("192.0.2.3", 30);
      assert.equal(await bench.say(www()), "0 192.0.2.3 30");
    });

    it("without it a denial replaces the expired answer", async () => {
      const bench = new CacheBench("cache {\nserve_stale\n}", answering("192.0.2.1", 30));
      await bench.ask(www());
      bench.store.advanceS(40);
      bench.upstream = denying;
      assert.equal(await bench.say(www()), "0 192.0.2.1 30");
      await settle();
      assert.equal(await bench.say(www()), "3 soa 60");
    });
  });

  it("holds answers that are to be held for ever, or to be served stale for ever", async () => {
    for (const [directive, upstreamTtlS, leftS] of [
      ["cache 4294967295", 2 ** 31 - 1, 2 ** 31 - 1 - 141],
      ["cache {\nserve_stale 876000h\n}", 60, 20],
    ] as const) {
      const bench = new CacheBench(directive, answering("192.0.2.1", upstreamTtlS));
      bench.store.advanceS(100);
      await bench.ask(www());
      for (let i = 0; i < 40; i++) {
        bench.store.advanceS(1);
        bench.store.store.tick();
      }
      assert.equal(await bench.say(www()), `0 192.0.2.1 ${leftS}`);
      assert.equal(bench.queries.length, 1, directive);
    }
  });

  describe("prefetch", () => {
    it("asks again before a popular answer expires, in nobody's name, and counts it", async () => {
      const bench = new CacheBench("cache {\nprefetch 3\n}", answering("192.0.2.1", 30));
      await bench.ask(www());
      for (let i = 0; i < 3; i++) bench.store.read(www());
      bench.upstream = answering("192.0.2.2", 30);
      for (let i = 0; i < 28; i++) {
        bench.store.advanceS(1);
        bench.store.store.tick();
        await settle();
      }
      const [, refresh] = bench.queries;
      assert.deepEqual(
        [refresh?.name, refresh?.transport, refresh?.zone, refresh?.client.address, refresh?.server],
        ["www.example.org.", "tcp", ".", "0.0.0.0", testServer],
      );
      assert.equal(await bench.say(www()), "0 192.0.2.2 29");
      assert.equal(bench.queries.length, 2);
      assert.deepEqual(await bench.count("coredns_cache_prefetch_total"), { "": 1 });
    });

    it("keeps the answer that it has when the upstream fails", async () => {
      const bench = new CacheBench("cache {\nprefetch 1\n}", answering("192.0.2.1", 30));
      await bench.ask(www());
      await bench.ask(www());
      bench.upstream = failing;
      for (let i = 0; i < 29; i++) {
        bench.store.advanceS(1);
        bench.store.store.tick();
      }
      await settle();
      assert.equal(bench.queries.length, 2);
      assert.equal(await bench.say(www()), "0 192.0.2.1 1");
    });
  });

  describe("after a reload", () => {
    async function reload(bench: CacheBench, directive: string): Promise<void> {
      const { instance } = setUp(cache, `.:53 {\n${directive}\n}`, {
        store: bench.store.store,
        clock: bench.store.clock,
        metrics: bench.metrics,
        partition: 1,
      });
      await instance.start?.();
      await bench.instance.stop?.("reload");
    }

    it("still holds its answers, also when capacities, prefetch, or TTLs that allow them changed", async () => {
      for (const directive of ["cache", "cache 300", "cache {\nsuccess 2048 60 1\nprefetch 3\nserve_stale\n}"]) {
        const bench = new CacheBench("cache 60", answering("192.0.2.1", 60));
        await bench.ask(www());
        await reload(bench, directive);
        assert.ok(bench.store.read(www()) !== undefined, directive);
      }
    });

    it("lets go only of what has more left than the new maximum", async () => {
      const bench = new CacheBench("cache", answering("192.0.2.1", 60));
      await bench.ask(www());
      bench.upstream = answering("192.0.2.2", 20);
      await bench.ask(testQuery("short.example.org.", "A"));
      await reload(bench, "cache 30");
      assert.equal(bench.store.read(www()), undefined);
      assert.ok(bench.store.read(testQuery("short.example.org.", "A")) !== undefined);
    });

    it("lets no answer be stale for longer than it says", async () => {
      const bench = new CacheBench("cache {\nserve_stale 1h\n}", answering("192.0.2.1", 20));
      await bench.ask(www());
      bench.store.advanceS(10);
      bench.store.store.tick();
      // Who takes entries over knows partitions by their signatures.
      assert.equal(bench.store.store.partition("a block"), 1);
      await reload(bench, "cache {\nserve_stale 20s\n}");
      const found = (stale: boolean): boolean => bench.store.read(www(), 1, 16_000, stale) !== undefined;
      assert.ok(found(false));
      bench.store.advanceS(20);
      assert.deepEqual([found(false), found(true)], [false, true]);
      const copy = new StoreBench({}, bench.store.clock);
      assert.equal(copy.store.importFrom(bench.store.store.entriesHeld(), 1000).taken, 1);
      bench.store.advanceS(10);
      assert.equal(found(true), false);
    });

    it("holds none that other rules would not have kept", async () => {
      for (const directive of ["cache example.net", "cache {\ndisable success\n}", "cache {\nkeepttl\n}"]) {
        const bench = new CacheBench("cache", answering("192.0.2.1", 60));
        await bench.ask(www());
        await reload(bench, directive);
        assert.equal(bench.store.read(www()), undefined, directive);
      }
    });
  });

  describe("metrics", () => {
    it("counts requests, hits, misses, entries and evictions under the zones it caches", async () => {
      const bench = new CacheBench("cache example.org example.net {\nsuccess 1024\n}", answering("192.0.2.1", 60));
      for (let i = 0; i < 1030; i++) await bench.ask(testQuery(`n${i}.example.org.`, "A"));
      await bench.ask(testQuery("n1029.example.org.", "A"));
      assert.deepEqual(await bench.count("coredns_cache_requests_total"), { "": 1031 });
      assert.deepEqual(await bench.count("coredns_cache_misses_total"), { "": 1030 });
      assert.deepEqual(await bench.count("coredns_cache_hits_total"), { success: 1 });
      assert.deepEqual(await bench.count("coredns_cache_entries"), { success: 1024, denial: 0 });
      assert.deepEqual(await bench.count("coredns_cache_evictions_total"), { success: 6 });
      const { body } = await bench.metrics.expose();
      assert.match(
        body,
        /coredns_cache_entries{server="dns:\/\/127.0.0.1:5300",type="success",zones="example.org.,example.net."/,
      );
    });

    it("shows entries on after a reload, and none after the cache is gone", async () => {
      const bench = new CacheBench("cache", answering("192.0.2.1", 60));
      await bench.ask(www());
      const { instance: reloaded } = setUp(cache, ".:53 {\ncache\n}", {
        store: bench.store.store,
        clock: bench.store.clock,
        metrics: bench.metrics,
        partition: 1,
      });
      reloaded.handler?.({ serve: async (query) => bench.upstream(query) });
      await reloaded.start?.();
      await bench.instance.stop?.("reload");
      assert.deepEqual(await bench.count("coredns_cache_entries"), { success: 1, denial: 0 });
      await reloaded.stop?.("reload");
      assert.deepEqual(await bench.count("coredns_cache_entries"), {});
    });
  });
});
