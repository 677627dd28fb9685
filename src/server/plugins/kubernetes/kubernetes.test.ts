import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FLAG_TC } from "../../../dns/header.ts";
import { decodeMessage, type Message } from "../../../dns/message.ts";
import { rcodeName, typeNumber } from "../../../dns/types.ts";
import { type RawObject, TestApiServer } from "../../../../test/support/api-server.ts";
import { askTcp, askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { linesOf } from "../../../../test/support/plugin-server.ts";
import { type RunningServer, runServer } from "../../../../test/support/running-server.ts";
import { answerA, respond, type ScriptedUpstream, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import { parseExposition } from "../../../../test/support/exposition.ts";
import { freePort } from "../../../../test/support/free-port.ts";
import { localAddresses } from "./name-servers.ts";

/** A change of an object is in the answers after so long at most. */
const VISIBLE_MS = 1000;
/** Whatever a busy machine makes of it. */
const LONG_MS = 10_000;
/** What another plugin said in place of the objects is no longer said after so long (its TTL is 5 s). */
const STAND_IN_MS = 7000;

const namespace = (name: string): RawObject => ({ metadata: { name } });

function service(name: string, address: string, more: Readonly<Record<string, unknown>> = {}): RawObject {
  const ports = [{ name: "http", port: 80, protocol: "TCP" }];
  return { metadata: { name, namespace: "prod" }, spec: { clusterIP: address, clusterIPs: [address], ports, ...more } };
}

function alias(name: string, target: string): RawObject {
  return { metadata: { name, namespace: "prod" }, spec: { type: "ExternalName", externalName: target } };
}

/** @param endpoints address to hostname; "" for none */
function slice(of: string, endpoints: Readonly<Record<string, string>>, notReady: readonly string[] = []): RawObject {
  return {
    metadata: { name: `${of}-1`, namespace: "prod", labels: { "kubernetes.io/service-name": of } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
    endpoints: Object.entries(endpoints).map(([address, hostname]) => ({
      addresses: [address],
      ...(hostname === "" ? {} : { hostname }),
      conditions: { ready: !notReady.includes(address) },
    })),
  };
}

interface Cluster {
  readonly api: TestApiServer;
  readonly running: RunningServer;
  readonly corefile: string;
  readonly upstream: ScriptedUpstream;
  query(name: string, type?: string): Promise<Message>;
  /** Response code, and the answers' data. */
  ask(name: string, type?: string): Promise<string>;
  /** Sum over all series of a metric. */
  metric(name: string): Promise<number>;
  /** Waits for an answer. @param withinMs default: what a change may take */
  until(name: string, type: string, expected: string, withinMs?: number): Promise<void>;
}

const COREFILE = `. {
    cache 30
    kubernetes cluster.local in-addr.arpa {
        endpoint URL
        ttl 30
        PROPERTIES
    }
    forward . 127.0.0.1:UPSTREAM {
        force_tcp
    }
    prometheus 127.0.0.1:METRICS
}
`;

async function cluster(
  t: TestContext,
  properties = "",
  options: { readonly away?: boolean; readonly deadUpstream?: boolean; readonly deniesPods?: boolean } = {},
): Promise<Cluster> {
  const api = await TestApiServer.start();
  t.after(() => api.close());
  api.put("namespaces", namespace("prod"));
  const upstream = await startUpstream({ script: answerA("192.0.2.1", 60) });
  t.after(() => upstream.close());
  const port = options.deadUpstream === true ? 1 : upstream.port;
  if (options.deniesPods === true) api.fault({ kind: "pods", status: 403 });
  if (options.away === true) await api.away();
  const metrics = await freePort();
  const text = COREFILE.replace("METRICS", String(metrics))
    .replace("URL", api.url)
    .replace("PROPERTIES", properties)
    .replace("UPSTREAM", String(port));
  const running = await runServer(text);
  t.after(() => running.stop());
  const query = async (name: string, type = "A"): Promise<Message> => {
    const wire = queryFor(name, typeNumber(type) ?? assert.fail(type), { opt: 1232 });
    return decodeMessage(await askUdp({ port: running.port, wire }));
  };
  const ask = async (name: string, type?: string): Promise<string> => {
    const { rcode, answers } = await query(name, type);
    const data = linesOf(answers).map((line) => line.replace(/^\S+ \d+ IN \S+ /, ""));
    return [rcodeName(rcode), ...data.sort()].join(" ");
  };
  const metric = async (name: string): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${metrics}/metrics`);
    const family = parseExposition(await response.text()).get(name);
    return (family?.samples ?? []).reduce((sum, { value }) => sum + value, 0);
  };
  const until = async (name: string, type: string, expected: string, withinMs = VISIBLE_MS): Promise<void> => {
    let said = "";
    for (const endMs = performance.now() + withinMs; performance.now() < endMs; await delay(10)) {
      said = await ask(name, type);
      if (said === expected) return;
    }
    assert.equal(said, expected, `${name} ${type}`);
  };
  return { api, running, corefile: text, upstream, query, ask, metric, until };
}

describe("a change of an object, with answers in the cache", () => {
  it("gives a Service another address, for its name, its ports and the address", async (t) => {
    const { api, ask, until } = await cluster(t);
    api.put("services", service("web", "10.96.0.1"));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1");
    assert.equal(
      await ask("_http._tcp.web.prod.svc.cluster.local", "SRV"),
      "NOERROR 0 100 80 web.prod.svc.cluster.local.",
    );
    assert.equal(await ask("1.0.96.10.in-addr.arpa", "PTR"), "NOERROR web.prod.svc.cluster.local.");
    assert.match(await ask("2.0.96.10.in-addr.arpa", "PTR"), /^NXDOMAIN$/);
    assert.equal(await ask("_grpc._tcp.web.prod.svc.cluster.local", "SRV"), "NXDOMAIN");
    api.put("services", service("web", "10.96.0.2", { ports: [{ name: "grpc", port: 9000 }] }));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.2");
    assert.equal(await ask("_http._tcp.web.prod.svc.cluster.local", "SRV"), "NXDOMAIN");
    assert.equal(
      await ask("_grpc._tcp.web.prod.svc.cluster.local", "SRV"),
      "NOERROR 0 100 9000 web.prod.svc.cluster.local.",
    );
    assert.equal(await ask("1.0.96.10.in-addr.arpa", "PTR"), "NXDOMAIN");
    assert.equal(await ask("2.0.96.10.in-addr.arpa", "PTR"), "NOERROR web.prod.svc.cluster.local.");
  });

  it("makes a name that was denied, for every type, and takes one away", async (t) => {
    const { api, ask, until } = await cluster(t);
    for (const type of ["A", "AAAA", "SRV"]) assert.equal(await ask("new.prod.svc.cluster.local", type), "NXDOMAIN");
    api.put("services", service("new", "10.96.0.9"));
    await until("new.prod.svc.cluster.local", "A", "NOERROR 10.96.0.9");
    assert.equal(await ask("new.prod.svc.cluster.local", "AAAA"), "NOERROR");
    api.remove("services", "prod", "new");
    await until("new.prod.svc.cluster.local", "A", "NXDOMAIN");
  });

  it("takes an endpoint out that is not ready, and its own name, and leaves the others", async (t) => {
    const { api, ask, until } = await cluster(t);
    api.put("services", service("db", "None"));
    api.put("endpointslices", slice("db", { "10.244.0.1": "db-0", "10.244.0.2": "db-1" }));
    await until("db.prod.svc.cluster.local", "A", "NOERROR 10.244.0.1 10.244.0.2");
    assert.equal(await ask("db-1.db.prod.svc.cluster.local"), "NOERROR 10.244.0.2");
    assert.equal(await ask("2.0.244.10.in-addr.arpa", "PTR"), "NOERROR db-1.db.prod.svc.cluster.local.");
    api.put("endpointslices", slice("db", { "10.244.0.1": "db-0", "10.244.0.2": "db-1" }, ["10.244.0.2"]));
    await until("db.prod.svc.cluster.local", "A", "NOERROR 10.244.0.1");
    assert.equal(await ask("db-1.db.prod.svc.cluster.local"), "NXDOMAIN");
    assert.equal(await ask("2.0.244.10.in-addr.arpa", "PTR"), "NXDOMAIN");
    assert.equal(await ask("db-0.db.prod.svc.cluster.local"), "NOERROR 10.244.0.1");
  });

  it("is one of what is preferred in a topology zone without endpoints too", async (t) => {
    const { api, ask, until } = await cluster(t, "zonal");
    api.put("services", service("db", "None"));
    api.put("endpointslices", slice("db", { "10.244.0.1": "" }));
    await until("db.prod.svc.cluster.local", "A", "NOERROR 10.244.0.1", LONG_MS);
    assert.equal(await ask("west.prefer._zone.db.prod.svc.cluster.local"), "NOERROR 10.244.0.1");
    api.put("endpointslices", slice("db", { "10.244.0.2": "" }));
    await until("db.prod.svc.cluster.local", "A", "NOERROR 10.244.0.2", LONG_MS);
    assert.equal(await ask("west.prefer._zone.db.prod.svc.cluster.local"), "NOERROR 10.244.0.2");
  });

  it("is one of the zone's servers, where this server is an endpoint", async (t) => {
    const { api, ask, until } = await cluster(t);
    const [own] = localAddresses([]);
    assert.ok(own !== undefined);
    api.put("services", service("web", "10.96.0.1"));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1", LONG_MS);
    assert.equal(await ask("cluster.local", "NS"), "NOERROR ns.dns.cluster.local.");
    assert.match(await ask("ns.dns.cluster.local"), /^NOERROR/);
    api.put("services", service("dns", "10.96.0.10"));
    api.put("endpointslices", { ...slice("dns", { [own]: "" }), addressType: own.includes(":") ? "IPv6" : "IPv4" });
    await until("cluster.local", "NS", "NOERROR dns.prod.svc.cluster.local.", LONG_MS);
    assert.equal(await ask("ns.dns.cluster.local"), "NOERROR 10.96.0.10");
  });

  it("is seen through a Service that stands for another", async (t) => {
    const { api, until } = await cluster(t);
    api.put("services", service("web", "10.96.0.1"));
    api.put("services", alias("shop", "WEB.prod.svc.cluster.local."));
    await until("shop.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1 WEB.prod.svc.cluster.local.");
    api.put("services", service("web", "10.96.0.2"));
    await until("shop.prod.svc.cluster.local", "A", "NOERROR 10.96.0.2 WEB.prod.svc.cluster.local.");
  });

  it("of a namespace is one of all names in it", async (t) => {
    const { api, upstream, ask, until, metric } = await cluster(t);
    api.put("services", service("web", "10.96.0.1"));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1");
    assert.equal(await ask("www.example.org"), "NOERROR 192.0.2.1");
    assert.equal(await ask("web.prod.svc.cluster.local", "AAAA"), "NOERROR");
    const dropped = await metric("nodens_kubernetes_answers_dropped_total");
    api.remove("namespaces", "", "prod");
    await until("web.prod.svc.cluster.local", "A", "NXDOMAIN");
    assert.equal(await metric("nodens_kubernetes_answers_dropped_total"), dropped + 2);
    assert.equal(await ask("www.example.org"), "NOERROR 192.0.2.1");
    assert.equal(upstream.queries.length, 1, "names outside stay in the cache");
  });

  it("is in answers that were under way: of the next plugin, and of a Service that stands for another name", async (t) => {
    const { api, upstream, ask, until } = await cluster(t, "fallthrough");
    api.put("services", alias("shop", "old.example.org"));
    await until("shop.prod.svc.cluster.local", "CNAME", "NOERROR old.example.org.");
    const held = Promise.withResolvers<void>();
    upstream.use(async (query) => {
      if (/^(new|old)\./.test(query.name)) await held.promise;
      return answerA("192.0.2.1", 60)(query);
    });
    const underWay = [ask("new.prod.svc.cluster.local"), ask("shop.prod.svc.cluster.local")];
    await upstream.untilQueries(2, LONG_MS);
    api.put("services", service("new", "10.96.0.7"));
    api.put("services", alias("shop", "other.example.org"));
    await until("shop.prod.svc.cluster.local", "CNAME", "NOERROR other.example.org.", LONG_MS);
    held.resolve();
    const expected = ["NOERROR 10.96.0.7", "NOERROR 192.0.2.1 other.example.org."];
    assert.deepEqual(await Promise.all(underWay), expected);
    assert.equal(await ask("new.prod.svc.cluster.local"), expected[0]);
    assert.equal(await ask("shop.prod.svc.cluster.local"), expected[1]);
  });

  it("drops nothing that it is not about", async (t) => {
    const { api, ask, until, metric } = await cluster(t);
    for (const i of [1, 2]) api.put("services", service(`web-${i}`, `10.96.0.${i}`));
    await until("web-1.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1");
    await until("web-2.prod.svc.cluster.local", "A", "NOERROR 10.96.0.2");
    // Until all is known, each change drops everything.
    await delay(1100);
    for (const i of [1, 2]) await ask(`web-${i}.prod.svc.cluster.local`);
    const dropped = await metric("nodens_kubernetes_answers_dropped_total");
    api.put("services", service("web-2", "10.96.0.3"));
    await until("web-2.prod.svc.cluster.local", "A", "NOERROR 10.96.0.3");
    assert.equal(
      await metric("nodens_kubernetes_answers_dropped_total"),
      dropped + 1,
      "one answer, and not its neighbour's",
    );
  });
});

describe("kubernetes before the objects are known", () => {
  it("says SERVFAIL, not ready", async (t) => {
    const { query, api, until, running } = await cluster(t, "startup_timeout 100ms", { away: true });
    const { rcode } = await query("web.prod.svc.cluster.local");
    assert.equal(rcodeName(rcode), "SERVFAIL");
    assert.ok(running.lines.includes("[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API"));
    api.put("services", service("web", "10.96.0.1"));
    await api.back();
    for (let i = 0; i < 50 && (await query("web.prod.svc.cluster.local")).rcode !== 0; i++) await delay(100);
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1");
  });

  it("asks the next plugin, where fallthrough_unsure says so, and forgets what that said", async (t) => {
    const { ask, api, running, until } = await cluster(t, "startup_timeout 100ms\nfallthrough_unsure", { away: true });
    for (const name of ["web", "nothing"])
      assert.equal(await ask(`${name}.prod.svc.cluster.local`), "NOERROR 192.0.2.1");
    api.put("services", service("web", "10.96.0.1"));
    await api.back();
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1", STAND_IN_MS);
    await until("nothing.prod.svc.cluster.local", "A", "NXDOMAIN", STAND_IN_MS);
    assert.ok(
      running.lines.some((line) => line.includes("up to date again")),
      running.lines.join("\n"),
    );
  });
});

describe("kubernetes without the permission to read pods", () => {
  it("goes on without: it is ready, denies their names, and says what it lacks", async (t) => {
    const { ask, running } = await cluster(t, "pods verified", { deniesPods: true });
    assert.equal(
      running.server.blocks[0]?.plugins.find(({ directive }) => directive === "kubernetes")?.instance.isReady?.(),
      true,
    );
    assert.equal(await ask("10-244-0-1.prod.pod.cluster.local"), "NXDOMAIN");
    const lines = running.lines.filter((line) => line.includes("goes without"));
    assert.equal(lines.length, 1, running.lines.join("\n"));
    assert.match(lines[0] ?? "", /pods/);
  });
});

describe("kubernetes while the API server is away", () => {
  it("answers on, and what is not there too", async (t) => {
    const { api, ask, until, running, metric } = await cluster(t);
    api.put("services", service("web", "10.96.0.1"));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1");
    await api.away();
    for (let i = 0; i < 50 && !running.lines.some((line) => line.includes("served on")); i++) await delay(100);
    assert.ok((await metric("nodens_kubernetes_stale_seconds")) > 0);
    assert.equal(await metric("nodens_kubernetes_objects"), 2);
    assert.equal(await ask("web.prod.svc.cluster.local", "AAAA"), "NOERROR");
    assert.equal(await ask("nothing.prod.svc.cluster.local"), "NXDOMAIN");
  });

  it("asks the next plugin for what is not there, where fallthrough_unsure says so, and forgets what that said", async (t) => {
    const { api, ask, query, until, running } = await cluster(t, "fallthrough_unsure");
    api.put("services", service("web", "10.96.0.1"));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1");
    assert.equal(await ask("nothing.prod.svc.cluster.local"), "NXDOMAIN");
    await api.away();
    for (let i = 0; i < 50 && !running.lines.some((line) => line.includes("served on")); i++) await delay(100);
    assert.equal(await ask("absent.prod.svc.cluster.local"), "NOERROR 192.0.2.1");
    assert.ok(((await query("absent.prod.svc.cluster.local")).answers[0]?.ttl ?? 60) <= 5);
    assert.equal(await ask("web.prod.svc.cluster.local", "AAAA"), "NOERROR");
    await api.back();
    await until("absent.prod.svc.cluster.local", "A", "NXDOMAIN", STAND_IN_MS);
  });
});

describe("kubernetes in front of a forwarder", () => {
  it("has the cluster's names while the cluster's DNS is dead", async (t) => {
    const { api, ask, until } = await cluster(t, "", { deadUpstream: true });
    api.put("services", service("web", "10.96.0.1"));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1");
    assert.equal(await ask("www.example.org"), "SERVFAIL");
    assert.equal(await ask("web.prod.svc.cluster.local"), "NOERROR 10.96.0.1");
    assert.equal(await ask("nothing.prod.svc.cluster.local"), "NXDOMAIN");
  });

  it("keeps its watches over a reload, and ends them with the plugin", async (t) => {
    const { api, running, ask, until } = await cluster(t);
    api.put("services", service("web", "10.96.0.1"));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1");
    const opened = api.watchesOpened;
    assert.equal(await running.server.reload(), undefined);
    assert.equal(await ask("web.prod.svc.cluster.local", "AAAA"), "NOERROR");
    assert.equal(api.watchesOpened, opened);
    running.configure(". {\n whoami\n}\n");
    assert.equal(await running.server.reload(), undefined);
    for (let i = 0; i < 50 && api.openWatches > 0; i++) await delay(20);
    assert.equal(api.openWatches, 0);
  });

  it("has no answers from before a configuration in between, under which objects changed", async (t) => {
    const { api, running, corefile, ask, until } = await cluster(t);
    api.put("services", service("web", "10.96.0.1"));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.1", LONG_MS);
    running.configure(corefile.replace("ttl 30", "ttl 29"));
    assert.equal(await running.server.reload(), undefined);
    api.put("services", service("web", "10.96.0.2"));
    await until("web.prod.svc.cluster.local", "A", "NOERROR 10.96.0.2", LONG_MS);
    running.configure(corefile);
    assert.equal(await running.server.reload(), undefined);
    assert.equal(await ask("web.prod.svc.cluster.local"), "NOERROR 10.96.0.2");
  });

  it("cuts a large set for UDP and gives all of it over TCP", async (t) => {
    const { api, running, query } = await cluster(t);
    const addresses = Array.from({ length: 300 }, (_, i): [string, string] => [`10.244.${i >> 8}.${i & 255}`, ""]);
    api.put("services", service("many", "None"));
    api.put("endpointslices", slice("many", Object.fromEntries<string>(addresses)));
    await delay(300);
    for (let i = 0; i < 2; i++) {
      const { flags, answers } = await query("many.prod.svc.cluster.local");
      assert.notEqual(flags & FLAG_TC, 0);
      assert.ok(answers.length < 300);
      const wire = queryFor("many.prod.svc.cluster.local", 1);
      assert.equal(decodeMessage(await askTcp({ port: running.port, wire })).answers.length, 300);
      const srv = queryFor("_http._tcp.many.prod.svc.cluster.local", 33);
      const message = decodeMessage(await askTcp({ port: running.port, wire: srv }));
      assert.deepEqual([message.answers.length, message.additional.length], [300, 300]);
    }
  });

  it("lets go of an endpoint that went away, also where it was reached by its Service's address", async (t) => {
    const { api, ask, until, upstream } = await cluster(t);
    api.put("services", service("resolver", "127.0.0.1"));
    api.put("endpointslices", slice("resolver", { "10.244.0.1": "", "10.244.0.2": "" }));
    await until("10-244-0-2.resolver.prod.svc.cluster.local", "A", "NOERROR 10.244.0.2");
    assert.equal(await ask("a.example.org"), "NOERROR 192.0.2.1");
    assert.deepEqual([upstream.connectionsAccepted, upstream.connectionsOpen], [1, 1]);
    api.put("endpointslices", slice("resolver", { "10.244.0.1": "" }));
    await until("10-244-0-2.resolver.prod.svc.cluster.local", "A", "NXDOMAIN");
    for (let i = 0; i < 50 && upstream.connectionsOpen > 0; i++) await delay(10);
    assert.equal(upstream.connectionsOpen, 0);
    assert.equal(await ask("b.example.org"), "NOERROR 192.0.2.1");
    assert.equal(upstream.connectionsAccepted, 2);
  });

  it("fails where an alias does not fit before the largest of answers", async (t) => {
    const { api, running, upstream, ask, until } = await cluster(t);
    const rdata = Uint8Array.of(192, 0, 2, 1);
    const answers = Array.from({ length: 4093 }, () => ({ type: 1, ttl: 60, rdata }));
    upstream.use((query) => ({ reply: respond(query, { answers }) }));
    api.put("services", alias("shop", "big.example.org"));
    await until("shop.prod.svc.cluster.local", "CNAME", "NOERROR big.example.org.", LONG_MS);
    assert.equal(await ask("big.example.org"), "NOERROR");
    assert.equal(await ask("shop.prod.svc.cluster.local"), "SERVFAIL");
    assert.ok(!running.lines.some((line) => line.includes("defect")), running.lines.join("\n"));
  });

  it("refuses zone transfers", async (t) => {
    const { query } = await cluster(t);
    assert.equal(rcodeName((await query("cluster.local", "AXFR")).rcode), "REFUSED");
  });
});
