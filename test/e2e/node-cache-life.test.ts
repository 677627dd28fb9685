/** A node-cache that comes, is killed, crashes, hands over and goes: what the node and its pods see of it. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf } from "../../bench/process-accounts.ts";
import { CLUSTER_ANSWERS, ClusterNamespaces, ENDPOINTS, type ProxyMode } from "../support/cluster-namespaces.ts";
import { missing } from "../support/machine.ts";
import {
  getAtNode,
  goldenTemplate,
  type NodeCache,
  type NodeCacheStart,
  startNodeCache,
  stockArgs,
} from "../support/node-cache-instance.ts";
import { byTarget, describeProbes, failed, startProbing } from "../support/probes.ts";

const SKIP = missing("linux", "root", "namespaces", "ip", "nft", "iptables", "sysctl", "dig", "setpriv");
/** Of 192.0.2.100: answered by the node itself. */
const NODE_ANSWER = "192.0.2.100";
/** The lease of the node's own processes, and the time to notice. */
const NODE_GAP_MS = 1500;
/** From SIGKILL to the last of two processes being gone. */
const DYING_MS = 150;

/** Answers by itself. */
const TEMPLATE = `.:53 {
    bind __PILLAR__LOCAL__DNS__
    errors
    cache 30
    template IN A {
        answer "{{ .Name }} 60 IN A ${NODE_ANSWER}"
    }
}
`;

let cluster: ClusterNamespaces;
let started: NodeCache[] = [];

async function open(proxyMode: ProxyMode): Promise<void> {
  cluster = await ClusterNamespaces.open(proxyMode);
}

function start(options: Partial<NodeCacheStart> = {}): NodeCache {
  const nodeCache = startNodeCache(cluster, { args: stockArgs(), template: TEMPLATE, ...options });
  started.push(nodeCache);
  return nodeCache;
}

const digAt = (place: "pod" | "node", address: string, ...words: string[]): string => {
  try {
    return cluster.run(place, "dig", "+short", "+tries=1", "+time=1", `@${address}`, ...words, "a.example.org").trim();
  } catch {
    return "nothing";
  }
};
const rules = (): string => cluster.run("node", "nft", "list", "ruleset");
const hasRules = (): boolean => /nodens|NodeLocal/.test(rules());
const hasLink = (): boolean => cluster.run("node", "ip", "link").includes("nodelocaldns");

function assertNothingLeft(nodeCache: NodeCache): void {
  assert.ok(!hasRules(), `${rules()}\n${nodeCache.process.output()}`);
  assert.ok(!hasLink(), nodeCache.process.output());
}

describe("the life of a node-cache", { skip: SKIP }, () => {
  beforeEach(() => {
    started = [];
  });
  afterEach(async () => {
    await cluster.close();
    for (const nodeCache of started) nodeCache.clean();
  });

  const killings: [string, ProxyMode, readonly string[], readonly string[]][] = [
    ["address", "iptables", stockArgs("169.254.20.10,10.96.0.10,fd00:20::10,fd00:96::a"), []],
    ["rewrite", "nftables", stockArgs("169.254.20.10,fd00:20::10"), ["-service-ip", "10.96.0.10,fd00:96::a"]],
  ];
  for (const [intercept, proxyMode, local, more] of killings) {
    it(`may be killed whole (intercept ${intercept}): a pod loses at most one query, a process of the node 1.5 s`, async () => {
      await open(proxyMode);
      const addresses = ["169.254.20.10", "10.96.0.10", "fd00:20::10", "fd00:96::a"];
      const args = [...local, "-intercept", intercept, ...more, "-fallback", ENDPOINTS.map(bracketed).join(",")];
      const first = start({ args });
      await first.captures();
      const pod = await startProbing(cluster, "pod", addresses);
      const node = await startProbing(cluster, "node", addresses);
      await sleep(1000);
      const killedMs = Date.now();
      await first.kill();
      await sleep(2500);
      const restartedMs = Date.now();
      const second = start({ args });
      await second.captures();
      const caughtMs = Date.now();
      await sleep(1500);
      const ofPod = byTarget(await pod.end());
      const ofNode = byTarget(await node.end());
      assert.equal(ofPod.size, addresses.length * 2);
      for (const [target, probes] of ofPod) {
        const told = `pod, ${target}\n${describeProbes(probes, killedMs)}`;
        const answers = (from: number, to: number): string[] =>
          [
            ...new Set(
              probes.filter(({ sentMs }) => sentMs > from && sentMs < to).flatMap(({ answer }) => answer ?? []),
            ),
          ].toSorted();
        // Until the kernel has closed the sockets, connections are taken and then reset: some milliseconds on a busy machine.
        const lost = failed(probes);
        assert.ok(lost.length <= (target.startsWith("udp") ? 1 : 3), `${lost.length} failed: ${told}`);
        assert.deepEqual(
          lost.filter(({ sentMs }) => Math.abs(sentMs - killedMs) > DYING_MS),
          [],
          told,
        );
        assert.deepEqual(answers(0, killedMs - 100), [NODE_ANSWER], told);
        assert.deepEqual(answers(killedMs + 100, restartedMs), CLUSTER_ANSWERS, told);
        assert.deepEqual(answers(caughtMs + 200, Infinity), [NODE_ANSWER], told);
      }
      for (const [target, probes] of ofNode) {
        const late = failed(probes).filter(({ sentMs }) => sentMs < killedMs - 100 || sentMs > killedMs + NODE_GAP_MS);
        assert.equal(late.length, 0, `node, ${target}\n${describeProbes(probes, killedMs)}`);
      }
      assert.equal(await second.end(), 0);
      assertNothingLeft(second);
    });
  }

  it("adopts what a killed node-cache has left behind, without duplicates, and leaves nothing", async () => {
    await open("iptables");
    cluster.run("node", "ip", "link", "add", "nodelocaldns", "type", "bridge");
    for (const address of ["169.254.20.10", "10.96.0.10"]) {
      cluster.run("node", "ip", "address", "add", `${address}/32`, "dev", "nodelocaldns");
      for (const [table, chain, ...words] of leftRules(address)) {
        cluster.run("node", "iptables", "-w", "-t", table ?? "", "-I", chain ?? "", ...words);
      }
    }
    const nodeCache = start({ args: [...stockArgs(), "-rules", "iptables"] });
    await nodeCache.process.until("\nNodens-");
    await sleep(1500);
    const saved = cluster
      .run("node", "iptables-save")
      .split("\n")
      .filter((line) => line.includes("NodeLocal"));
    assert.equal(saved.length, 24, saved.join("\n"));
    assert.equal(new Set(saved).size, 24, "no rule twice");
    assert.equal(digAt("pod", "10.96.0.10"), NODE_ANSWER);
    assert.equal(await nodeCache.end(), 0);
    assertNothingLeft(nodeCache);
  });

  it("serves both families in one process", async () => {
    await open("nftables");
    const nodeCache = start({ args: stockArgs("169.254.20.10,fd00:20::10") });
    await nodeCache.captures();
    for (const address of ["169.254.20.10", "fd00:20::10"]) {
      for (const transport of ["+notcp", "+tcp"]) assert.equal(digAt("pod", address, transport), NODE_ANSWER);
    }
    assert.equal(await nodeCache.end(), 0);
    assertNothingLeft(nodeCache);
  });

  it("captures nothing before its upstreams answer", async () => {
    await open("iptables");
    const template = goldenTemplate("1.26.base");
    // Nobody is there.
    const environment = { KUBE_DNS_UPSTREAM_SERVICE_HOST: "127.0.0.9" };
    const before = "echo nameserver 127.0.0.9 >/etc/resolv.conf";
    const nodeCache = start({ template, environment, before });
    await nodeCache.process.until("no upstream answers: the node's queries are left to others until one does");
    assert.ok(!hasRules(), rules());
    assert.ok(hasLink());
    assert.ok(CLUSTER_ANSWERS.includes(digAt("pod", "10.96.0.10")), "the cluster DNS answers");
    const upstream = cluster.script(
      "node",
      "./fixed-answer-server.worker.ts",
      '[{"address":"127.0.0.9","answer":"192.0.2.3"}]',
    );
    await upstream.until("ready\n");
    await nodeCache.captures();
    assert.equal(digAt("pod", "10.96.0.10"), "192.0.2.3");
    assert.equal(await nodeCache.end(), 0);
    assertNothingLeft(nodeCache);
  });

  it("captures nothing, and leaves nothing, when its Corefile is wrong", async () => {
    await open("iptables");
    const nodeCache = start({ template: ".:53 {\n    no_such_plugin\n}\n" });
    assert.equal(await nodeCache.ended(), 1);
    assert.match(nodeCache.process.output(), /Corefile:2:5: .*no_such_plugin/);
    assert.doesNotMatch(nodeCache.process.output(), /Added back nodelocaldns rule/);
    assertNothingLeft(nodeCache);
  });

  it("keeps its rules while a server is started again, and takes them away also when none comes up", async () => {
    await open("iptables");
    const nodeCache = start();
    await nodeCache.captures();
    assert.equal(digAt("pod", "10.96.0.10"), NODE_ANSWER);
    const before = rules();
    const [server = 0] = childrenOf(nodeCache.pid);
    process.kill(server, "SIGKILL");
    assert.equal(digAt("pod", "10.96.0.10"), NODE_ANSWER, "from the cache");
    await nodeCache.process.until("a server serves again");
    assert.ok(untracked(before).length > 0);
    assert.deepEqual(untracked(rules()), untracked(before));
    // The next one cannot start: somebody has broken the template, and the configuration that was in use.
    for (const path of ["etc/Corefile", "etc/coredns/Corefile.base"]) nodeCache.write(path, "broken {");
    process.kill(childrenOf(nodeCache.pid)[0] ?? 0, "SIGKILL");
    await nodeCache.process.until("ended with code 1");
    assert.equal(digAt("pod", "10.96.0.10"), NODE_ANSWER, "from the cache");
    assert.equal(await nodeCache.end(), 0);
    assertNothingLeft(nodeCache);
  });

  it("puts back what somebody flushes, and counts it", async () => {
    await open("iptables");
    const nodeCache = start({ args: [...stockArgs(), "-syncinterval", "1"] });
    await nodeCache.captures();
    const table = /table ip (\S*nodens\S*)/.exec(rules())?.[1] ?? "";
    cluster.run("node", "nft", "flush", "table", "ip", table);
    cluster.run("node", "ip", "link", "delete", "nodelocaldns");
    for (let i = 0; i < 40 && !hasLink(); i++) await sleep(100);
    await sleep(300);
    assert.equal(digAt("pod", "10.96.0.10"), NODE_ANSWER);
    assert.equal(digAt("node", "169.254.20.10"), NODE_ANSWER);
    const metrics = getAtNode(cluster, "http://127.0.0.1:9353/metrics");
    assert.ok(Number(/^nodens_node_restored_total (\d+)$/m.exec(metrics)?.[1]) >= 3, metrics);
    assert.equal(await nodeCache.end(), 0);
    assertNothingLeft(nodeCache);
  });

  it("hands over to the next instance: rules and interface stay, and no query is lost", async () => {
    await open("iptables");
    const args = [...stockArgs(), "-handover", "/tmp/handover.sock", "-pidfile", "/tmp/node-cache.pid"];
    const first = start({ args });
    await first.captures();
    const pod = await startProbing(cluster, "pod", ["169.254.20.10", "10.96.0.10"], 10);
    const second = start({ args, folder: first.folder });
    assert.equal(await first.ended(), 0, first.process.output());
    await sleep(500);
    const probes = await pod.end();
    const lost = failed(probes);
    assert.deepEqual(
      lost.filter(({ transport }) => transport === "udp"),
      [],
      second.process.output(),
    );
    // A connection that the old instance has taken and not read yet is closed: its client connects again.
    assert.ok(lost.length <= 2, describeProbes(lost, 0));
    assert.doesNotMatch(first.process.output(), /Tearing down|Removed/);
    assert.ok(hasRules() && hasLink());
    assert.equal(second.read("tmp/node-cache.pid"), `${second.pid}\n`);
    assert.equal(digAt("pod", "10.96.0.10"), NODE_ANSWER);
    assert.equal(await second.end(), 0);
    assertNothingLeft(second);
  });

  it("leaves all in place with -skipteardown", async () => {
    await open("iptables");
    const nodeCache = start({ args: [...stockArgs(), "-skipteardown"] });
    await nodeCache.captures();
    assert.equal(await nodeCache.end(), 0);
    assert.ok(hasRules() && hasLink());
  });

  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    it(`leaves nothing behind on ${signal}`, async () => {
      await open("iptables");
      const nodeCache = start();
      await nodeCache.captures();
      nodeCache.process.child.kill("SIGHUP");
      assert.equal(await nodeCache.end(signal), 0, nodeCache.process.output());
      assertNothingLeft(nodeCache);
    });
  }

  it("has the same life in one process", async () => {
    await open("iptables");
    const nodeCache = start({ args: [...stockArgs(), "-keeper=false", "-pidfile", "/tmp/node-cache.pid"] });
    await nodeCache.captures();
    assert.deepEqual(childrenOf(nodeCache.pid), []);
    assert.equal(digAt("pod", "10.96.0.10"), NODE_ANSWER);
    assert.equal(nodeCache.read("tmp/node-cache.pid"), `${nodeCache.pid}\n`);
    assert.equal(await nodeCache.end(), 0);
    assertNothingLeft(nodeCache);
  });

  it("runs with two capabilities and a read-only file system", async () => {
    await open("iptables");
    const wrapper = ["setpriv", "--no-new-privs", "--bounding-set=-all,+net_admin,+net_bind_service"];
    const before = "mount -o remount,ro,bind /etc && mount -o remount,ro,bind /tmp";
    const args = [...stockArgs(), "-pidfile", "/tmp/node-cache.pid"];
    const nodeCache = start({ args, wrapper, before });
    await nodeCache.captures();
    assert.equal(digAt("pod", "10.96.0.10"), NODE_ANSWER);
    assert.equal(digAt("pod", "169.254.20.10", "+tcp"), NODE_ANSWER);
    const output = nodeCache.process.output();
    assert.equal(count(output, "[WARNING] cannot write /etc/Corefile ("), 1, output);
    assert.equal(count(output, "[WARNING] cannot write the pid file /tmp/node-cache.pid: "), 1, output);
    assert.doesNotMatch(output, /\[ERROR\]/);
    assert.equal(await nodeCache.end(), 0);
    assertNothingLeft(nodeCache);
  });

  it("serves without NET_ADMIN where the address is there, and says what it lacks", async () => {
    await open("iptables");
    cluster.run("node", "ip", "link", "add", "mine", "type", "bridge");
    cluster.run("node", "ip", "address", "add", "169.254.20.10/32", "dev", "mine");
    const wrapper = ["setpriv", "--no-new-privs", "--bounding-set=-all,+net_bind_service"];
    const nodeCache = start({ args: stockArgs("169.254.20.10"), wrapper });
    await nodeCache.process.until("\nNodens-");
    await sleep(1500);
    assert.equal(digAt("pod", "169.254.20.10"), NODE_ANSWER);
    const output = nodeCache.process.output();
    assert.match(output, /\[ERROR\] interface nodelocaldns: [^\n]*NET_ADMIN/);
    assert.match(output, /\[ERROR\] [^\n]*rules[^\n]*(?:NET_ADMIN|not permitted)/i);
    assert.ok(!hasRules());
    assert.equal(await nodeCache.end(), 0);
  });

  it("waits for the lock of iptables, says so, and makes no half of a set of rules", async () => {
    await open("iptables");
    const nodeCache = start({
      args: [...stockArgs(), "-rules", "iptables", "-syncinterval", "1"],
      before: "touch /etc/held; export XTABLES_LOCKFILE=/etc/held; (flock -x 9; sleep 10) 9>>/etc/held & sleep 0.2",
    });
    await nodeCache.process.until("\nNodens-");
    assert.equal(digAt("node", "169.254.20.10"), NODE_ANSWER, "it serves meanwhile");
    for (let i = 0; i < 100 && !cluster.run("node", "iptables-save").includes("NodeLocal"); i++) await sleep(200);
    assert.equal(count(cluster.run("node", "iptables-save"), "NodeLocal"), 24, nodeCache.process.output());
    assert.equal(await nodeCache.end(), 0);
    assertNothingLeft(nodeCache);
  });

  it("serves where there is neither nftables nor iptables, and says that there are no rules", async () => {
    await open("iptables");
    const before =
      "for f in $(ls /usr/lib/*/libnftables.so.1 /usr/sbin/nft /usr/sbin/xtables-nft-multi /usr/sbin/xtables-legacy-multi " +
      "2>/dev/null); do mount --bind /etc/passwd $f; done";
    const nodeCache = start({ before });
    await nodeCache.process.until("no rules can be set up");
    await nodeCache.process.until("\nNodens-");
    assert.equal(digAt("node", "169.254.20.10"), NODE_ANSWER);
    assert.ok(!hasRules());
    assert.equal(await nodeCache.end(), 0, nodeCache.process.output());
    assertNothingLeft(nodeCache);
  });
});

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]:53` : address;
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** Rules that let queries in. Sets and counters change by themselves. */
function untracked(ruleset: string): string[] {
  return ruleset.split("\n").filter((line) => line.includes("notrack"));
}

/** As node-cache 1.26.5 makes them. */
function leftRules(address: string): string[][] {
  const skip = ["-m", "comment", "--comment", "NodeLocal DNS Cache: skip conntrack"];
  const allow = ["-m", "comment", "--comment", "NodeLocal DNS Cache: allow DNS traffic"];
  return [
    ...["tcp", "udp"].flatMap((protocol) => [
      ["raw", "PREROUTING", "-p", protocol, "-d", address, "--dport", "53", "-j", "NOTRACK", ...skip],
      ["filter", "INPUT", "-p", protocol, "-d", address, "--dport", "53", "-j", "ACCEPT", ...allow],
      ["raw", "OUTPUT", "-p", protocol, "-s", address, "--sport", "53", "-j", "NOTRACK", ...skip],
      ["filter", "OUTPUT", "-p", protocol, "-s", address, "--sport", "53", "-j", "ACCEPT", ...allow],
      ["raw", "OUTPUT", "-p", protocol, "-d", address, "--dport", "53", "-j", "NOTRACK", ...skip],
    ]),
    ["raw", "OUTPUT", "-p", "tcp", "-d", address, "--dport", "8080", "-j", "NOTRACK", ...skip],
    ["raw", "OUTPUT", "-p", "tcp", "-s", address, "--sport", "8080", "-j", "NOTRACK", ...skip],
  ];
}
