/** What the API server may do, and what is made of it. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { Seen, service } from "../../test/contract/cluster-source.ts";
import { TestApiServer, type ApiServerOptions } from "../../test/support/api-server.ts";
import { selfSigned } from "../../test/support/certificate.ts";
import { until } from "../../test/support/until.ts";
import { apiSource, type ApiSourceOptions } from "./api-source.ts";
import type { ClusterSource } from "./cluster-source.ts";
import type { Pace } from "./pace.ts";

/** Waits next to nothing, and keeps what it should have waited. */
class QuickPace implements Pace {
  readonly clock = new FakeClock();
  readonly slept: number[] = [];
  readonly signals = new Set<AbortSignal>();

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.slept.push(ms);
    this.signals.add(signal);
    this.clock.advanceMs(ms);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }

  random(): number {
    return 0.5;
  }
}

interface Parts {
  readonly server: TestApiServer;
  readonly source: ClusterSource;
  readonly pace: QuickPace;
}

async function start(t: TestContext, options: ApiSourceOptions & { server?: ApiServerOptions } = {}): Promise<Parts> {
  const pace = new QuickPace();
  const server = await TestApiServer.start(options.server);
  const source = apiSource({ kind: "endpoint", url: server.url }, { pace, ...options });
  t.after(async () => {
    await source.close();
    await server.close();
  });
  return { server, source, pace };
}

const spec = (last: number): object => ({ clusterIP: `10.96.2.${last}`, clusterIPs: [`10.96.2.${last}`] });

describe("a list", () => {
  it("is asked for by pages, and goes on where the last ended", async (t) => {
    const { server, source } = await start(t);
    for (let i = 0; i < 1101; i++) server.put("services", service(`s${i}`));
    const seen = new Seen(source, "services");
    await seen.synced();
    assert.equal(seen.objects.size, 1101);
    const lists = server.requests.filter(({ verb }) => verb === "list");
    assert.deepEqual(
      lists.map(({ query }) => [query.get("limit"), query.has("continue")]),
      [
        ["500", false],
        ["500", true],
        ["500", true],
      ],
    );
  });

  it("whose continue token is too old is begun anew, in the end in one piece", async (t) => {
    const { server, source } = await start(t);
    for (let i = 0; i < 700; i++) server.put("services", service(`s${i}`));
    server.fault({ verb: "list", onlyContinued: true, status: 410 });
    const seen = new Seen(source, "services");
    await seen.synced();
    assert.equal(seen.objects.size, 700);
    const whole = server.requests.filter(({ verb, query }) => verb === "list" && !query.has("limit"));
    assert.equal(whole.length, 1);
  });

  it("that is cut in the middle removes nothing and is asked for again", async (t) => {
    const { server, source } = await start(t);
    for (let i = 0; i < 20; i++) server.put("services", service(`s${i}`, spec(i)));
    const seen = new Seen(source, "services");
    await seen.synced();
    server.fault({ verb: "list", cutAfterBytes: 900, times: 3 });
    server.compact();
    server.put("services", service("s20", spec(20)));
    server.compact();
    const told = seen.events.length;
    server.dropWatches();
    await until(() => seen.objects.has("default/s20"), "the new one");
    assert.deepEqual(seen.events.slice(told), ["new default/s20"]);
  });

  it("in pieces of seven bytes is the same list", async (t) => {
    const { server, source } = await start(t);
    server.put("services", service("größe", { ports: [{ name: 'a{"[]}\\', port: 80 }] }));
    server.put("services", service("two", spec(2)));
    server.fault({ verb: "list", pieceBytes: 7 });
    const seen = new Seen(source, "services");
    await seen.synced();
    assert.deepEqual(seen.keys, ["default/größe", "default/two"]);
    assert.equal(seen.objects.get("default/größe")?.ports[0]?.name, 'a{"[]}\\');
  });

  it("that says nothing any more is given up and asked for again", async (t) => {
    const { server, source } = await start(t, { times: { listSilenceMs: 50 } });
    server.put("services", service("web"));
    server.fault({ verb: "list", stallAfterBytes: 100, times: 1 });
    const seen = new Seen(source, "services");
    await seen.synced();
    assert.deepEqual(seen.keys, ["default/web"]);
  });
});

describe("a body that comes drop by drop", () => {
  it("is given up as a list, and the list asked for again", async (t) => {
    const { server, source } = await start(t, { times: { listMs: 100 } });
    for (let i = 0; i < 10; i++) server.put("services", service(`s${i}`));
    server.fault({ verb: "list", pieceBytes: 1, times: 1 });
    const seen = new Seen(source, "services");
    await seen.synced();
    assert.equal(server.requests.filter(({ verb }) => verb === "list").length, 2);
  });

  it("is given up as that of a refusal", async (t) => {
    const server = createServer((_, response) => {
      response.writeHead(403).write("not yo");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const source = apiSource({ kind: "endpoint", url: `http://127.0.0.1:${port}` });
    t.after(async () => {
      await source.close();
      server.close();
      server.closeAllConnections();
    });
    const seen = new Seen(source, "services");
    await until(() => seen.denied, "it is told");
    assert.match(seen.staleReason ?? "", /^not allowed to list services: not yo/);
  });
});

describe("a watch", () => {
  it("goes on from the last bookmark when it is cut in the middle of an event", async (t) => {
    const { server, source } = await start(t);
    server.put("services", service("web"));
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "the watch");
    server.put("pods", { metadata: { namespace: "default", name: "other" } });
    server.bookmark();
    await new Promise((resolve) => setTimeout(resolve, 20));
    server.dropWatches("half");
    await until(() => server.watchesOpened === 2, "the second watch");
    assert.equal(server.requests.at(-1)?.query.get("resourceVersion"), "102", "that of the bookmark");
    assert.equal(server.requests.filter(({ verb }) => verb === "list").length, 1);
    assert.deepEqual(seen.events, ["new default/web", "synced"]);
    assert.equal(seen.staleReason, undefined, "one broken connection is nothing to speak of");
  });

  it("that is too old (status 410) is preceded by a list, whose differences are told", async (t) => {
    const { server, source } = await start(t);
    server.put("services", service("stays", spec(1)));
    server.put("services", service("goes", spec(2)));
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "the watch");
    server.fault({ verb: "watch", hang: true, times: 1 });
    server.dropWatches();
    await until(() => server.requests.length === 3, "a watch that hangs");
    server.remove("services", "default", "goes");
    server.put("services", service("comes", spec(3)));
    server.compact();
    await server.away();
    await server.back();
    await until(() => seen.objects.has("default/comes"), "what came");
    assert.deepEqual(seen.events.slice(3), ["new default/comes", "removed default/goes"]);
  });

  it("that is too old (ERROR event 410) likewise, without end if it must be", async (t) => {
    const { server, source, pace } = await start(t);
    server.put("services", service("web"));
    server.fault({ verb: "watch", errorEvent: 410, times: 6 });
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "a watch that works");
    assert.deepEqual(seen.events, ["new default/web", "synced"]);
    assert.equal(server.requests.filter(({ verb }) => verb === "list").length, 7);
    assert.ok(pace.slept.length >= 5, "all but the first wait");
  });

  for (const fault of [{ errorEvent: 500 }, { status: 504 }, { status: 400 }, { garbled: "{not JSON}\n" }] as const) {
    it(`that cannot go on from where it was (${JSON.stringify(fault)}) is preceded by a list`, async (t) => {
      const { server, source } = await start(t);
      server.fault({ verb: "watch", times: 3, ...fault });
      const seen = new Seen(source, "services");
      await until(() => server.openWatches === 1, "a watch that works");
      assert.equal(server.requests.filter(({ verb }) => verb === "list").length, 4);
      await until(() => seen.staleReason === undefined, "current");
    });
  }

  it("that is turned away because the server is busy goes on where it was", async (t) => {
    const { server, source } = await start(t);
    server.fault({ verb: "watch", times: 3, status: 429 });
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "a watch that works");
    assert.equal(server.requests.filter(({ verb }) => verb === "list").length, 1);
    assert.ok(seen.watch.synced);
  });

  it("that the server ends in good order is begun again at once and nobody is told", async (t) => {
    const { server, source, pace } = await start(t);
    server.put("services", service("web"));
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "the watch");
    pace.clock.advanceMs(300_000);
    server.endWatches();
    await until(() => server.watchesOpened === 2 && server.openWatches === 1, "the next");
    assert.deepEqual(pace.slept, []);
    assert.equal(seen.staleReason, undefined);
    const seconds = Number(server.requests.at(-1)?.query.get("timeoutSeconds"));
    assert.ok(seconds >= 300 && seconds <= 600, `${seconds}`);
  });

  it("that ends at once again and again is not a storm", async (t) => {
    const { server, source, pace } = await start(t);
    server.fault({ verb: "watch", endAtOnce: true, times: 10 });
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "a watch that works");
    assert.ok(pace.slept.length >= 10);
    assert.ok((pace.slept.at(-1) ?? 0) > 2000, pace.slept.join());
    await until(() => seen.watch.staleReason === undefined, "current");
  });

  it("that is silent for too long is taken for dead", async (t) => {
    const { server, source } = await start(t, { times: { silenceMs: 50 } });
    const seen = new Seen(source, "services");
    await until(() => server.watchesOpened >= 3, "watches begun again");
    server.put("services", service("web"));
    await until(() => seen.objects.has("default/web"), "an event");
  });

  it("is begun again a thousand times, and nothing is left of it", async (t) => {
    const { server, source, pace } = await start(t);
    server.put("services", service("web"));
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "the watch");
    for (let i = 1; i <= 1000; i++) {
      if (i % 3 === 0) server.endWatches();
      else server.dropWatches(i % 3 === 1 ? "half" : "closed");
      await until(() => server.watchesOpened > i && server.openWatches === 1, `watch ${i}`);
    }
    assert.equal(server.openWatches, 1);
    assert.ok(server.openConnections <= 3, `${server.openConnections} connections`);
    for (const signal of pace.signals) assert.ok(getEventListeners(signal, "abort").length <= 3);
    server.put("services", service("web", { publishNotReadyAddresses: true }));
    await until(() => seen.events.length === 3, "an event");
    seen.watch.stop();
    await until(() => server.openWatches === 0, "the end");
  });

  it("whose connection is reset is begun again once", async (t) => {
    const { server, source } = await start(t);
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "the watch");
    for (let i = 1; i <= 20; i++) {
      server.dropWatches("reset");
      await until(() => server.watchesOpened > i && server.openWatches === 1, `watch ${i}`);
    }
    server.put("services", service("web"));
    await until(() => seen.objects.has("default/web"), "an event");
    assert.equal(server.watchesOpened, 21);
  });

  it("stops when its last watcher does, and only then", async (t) => {
    const { server, source } = await start(t);
    const first = new Seen(source, "services");
    const second = new Seen(source, "services");
    const other = new Seen(source, "services", { namespace: "prod" });
    await until(() => server.openWatches === 2, "two watches for three watchers");
    first.watch.stop();
    other.watch.stop();
    await until(() => server.openWatches === 1, "one is left");
    second.watch.stop();
    await until(() => server.openWatches === 0, "none");
    const again = new Seen(source, "services");
    await again.synced();
  });

  it("lists again now and then, to mend what it may have lost", async (t) => {
    const { server, source, pace } = await start(t, { times: { resyncMs: 1000 } });
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "the watch");
    pace.clock.advanceMs(1300);
    server.endWatches();
    await until(() => server.watchesOpened === 2, "the next");
    assert.equal(server.requests.filter(({ verb }) => verb === "list").length, 2);
    assert.deepEqual(seen.events, ["synced"]);
  });
});

describe("a refusal", () => {
  it("for lack of permission says what to grant, once, and is tried again slowly", async (t) => {
    const { server, source, pace } = await start(t);
    server.fault({ kind: "endpointslices", status: 403 });
    const told: [string | undefined, boolean][] = [];
    source.watch(
      "endpointslices",
      {},
      { put: () => {}, removed: () => {}, stale: (reason, denied) => void told.push([reason, denied]) },
    );
    await until(() => pace.slept.length >= 3, "three tries");
    assert.equal(told.length, 1);
    const [[reason, denied]] = told as [[string, boolean]];
    assert.ok(denied);
    assert.match(reason, /^not allowed to list endpointslices\.discovery\.k8s\.io: .*cannot list resource/);
    assert.match(reason, /Grant "list" and "watch" on endpointslices\.discovery\.k8s\.io \(deploy\/rbac\)$/);
    assert.ok(
      pace.slept.every((ms) => ms >= 30_000 && ms <= 60_000),
      pace.slept.join(),
    );
    server.clearFaults();
    await until(() => told.length === 2, "it was granted");
    assert.deepEqual(told[1], [undefined, false]);
  });

  it("of the watch alone, with the list allowed, is told too", async (t) => {
    const { server, source } = await start(t);
    server.put("services", service("web"));
    server.fault({ verb: "watch", status: 403 });
    const seen = new Seen(source, "services");
    await until(() => seen.denied, "it is told");
    assert.ok(seen.watch.synced);
    assert.match(seen.staleReason ?? "", /not allowed to watch services/);
  });

  it("of a kind that the API has not is said so and tried again slowly", async (t) => {
    const { server, source, pace } = await start(t);
    server.fault({ kind: "serviceimports", status: 404 });
    const seen = new Seen(source, "serviceimports");
    await until(() => pace.slept.length >= 2, "two tries");
    assert.match(seen.staleReason ?? "", /^the API has no serviceimports\.multicluster\.x-k8s\.io/);
    assert.equal(seen.denied, false);
  });

  for (const [status, retryAfter, leastMs] of [
    [429, "7", 7000],
    [503, "2", 2000],
    [503, "in 20 s", 15_000],
    [429, "100000", 60_000],
    [429, "soon", 100],
    [500, undefined, 100],
  ] as const) {
    it(`with status ${status} and Retry-After ${retryAfter} waits at least ${leastMs} ms`, async (t) => {
      const { server, source, pace } = await start(t);
      const date = new Date(Date.now() + 20_000).toUTCString();
      const value = retryAfter === "in 20 s" ? date : retryAfter;
      server.fault({ status, times: 1, ...(value === undefined ? {} : { retryAfter: value }) });
      const seen = new Seen(source, "services");
      await seen.synced();
      const [ms = 0] = pace.slept;
      assert.ok(ms >= leastMs && ms < leastMs + 6000, `${ms}`);
    });
  }

  it("of the login reads the login again", async (t) => {
    const { server, source } = await start(t);
    server.put("services", service("web"));
    server.setTokens(["right"]);
    const seen = new Seen(source, "services");
    await until(() => seen.staleReason !== undefined, "it is told");
    assert.match(seen.staleReason ?? "", /^not logged in: Unauthorized/);
    server.setTokens(undefined);
    await seen.synced();
    assert.equal(seen.staleReason, undefined);
  });

  it("doubles the waiting up to five seconds", async (t) => {
    const { server, source, pace } = await start(t);
    server.fault({ status: 500, times: 8 });
    await new Seen(source, "services").synced();
    assert.deepEqual(pace.slept, [150, 300, 600, 1200, 2400, 3750, 3750, 3750]);
  });
});

describe("the API server away", () => {
  it("for ten minutes costs a connection a second, for all watches together, and is right within two after", async (t) => {
    const { server, source, pace } = await start(t);
    server.put("services", service("goes", spec(1)));
    const seen = [new Seen(source, "services"), new Seen(source, "pods"), new Seen(source, "namespaces")];
    await until(() => server.openWatches === 3, "the watches");
    await server.away();
    const [first] = seen;
    assert.ok(first !== undefined);
    await until(() => seen.every(({ staleReason }) => staleReason !== undefined), "all are stale");
    assert.match(first.staleReason ?? "", /^http:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED/);
    const fromMs = pace.clock.monotonicMs();
    const before = pace.slept.length;
    await until(() => pace.clock.monotonicMs() - fromMs > 600_000, "ten minutes", 60_000);
    const tries = pace.slept.length - before;
    assert.ok(tries > 500 && tries < 900, `${tries} tries in ten minutes`);
    assert.ok(first.objects.has("default/goes"));
    server.remove("services", "default", "goes");
    server.put("services", service("comes", spec(2)));
    server.compact();
    const backAtMs = pace.clock.monotonicMs();
    await server.back();
    await until(() => first.objects.has("default/comes") && !first.objects.has("default/goes"), "right again");
    assert.ok(pace.clock.monotonicMs() - backAtMs < 2000, `${pace.clock.monotonicMs() - backAtMs} ms`);
    assert.ok(seen.every((each) => each.watch.staleReason === undefined || each !== first));
  });

  it("from the middle of a watch on, by a reset, is told as any other", async (t) => {
    const { server, source } = await start(t);
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "the watch");
    server.dropWatches("reset");
    await server.away();
    await until(() => /ECONNREFUSED/.test(seen.staleReason ?? ""), "stale");
    server.put("services", service("comes", spec(1)));
    await server.back();
    await until(() => seen.objects.has("default/comes"), "right again");
  });

  it("for half a minute, by a real clock, is right within two seconds after", { timeout: 60_000 }, async (t) => {
    const certificate = selfSigned(["127.0.0.1"]);
    const server = await TestApiServer.start({ tls: certificate });
    const { source, end } = await overTls(server, certificate.cert);
    t.after(end);
    for (let i = 0; i < 50; i++) server.put("services", service(`s${i}`, spec(i)));
    const seen = new Seen(source, "services");
    await until(() => server.openWatches === 1, "the watch");
    await server.away();
    for (let i = 0; i < 50; i += 2) server.remove("services", "default", `s${i}`);
    for (let i = 50; i < 60; i++) server.put("services", service(`s${i}`, spec(i)));
    server.compact();
    await new Promise((resolve) => setTimeout(resolve, 30_000));
    assert.equal(seen.objects.size, 50);
    assert.notEqual(seen.staleReason, undefined);
    const backAtMs = performance.now();
    await server.back();
    await until(() => seen.objects.size === 35 && seen.staleReason === undefined, "right again");
    const tookMs = performance.now() - backAtMs;
    assert.ok(tookMs < 2000, `${tookMs} ms`);
    t.diagnostic(`right ${tookMs.toFixed(0)} ms after its return`);
  });
});

async function overTls(server: TestApiServer, ca: string): Promise<{ source: ClusterSource; end(): Promise<void> }> {
  const { mkdtemp, rm, writeFile } = await import("node:fs/promises");
  const folder = await mkdtemp("/tmp/nodens-ca-");
  await writeFile(`${folder}/ca.crt`, ca);
  const source = apiSource({ kind: "endpoint", url: server.url, tls: { ca: `${folder}/ca.crt` } });
  return {
    source,
    async end() {
      await source.close();
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
