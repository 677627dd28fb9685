/** Everything of an instance killed with SIGKILL: what pods and processes of the node see of it, in a cluster of namespaces. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CLUSTER_ANSWERS,
  ClusterNamespaces,
  LOCAL_ADDRESSES,
  type ProxyMode,
  SERVICES,
} from "../support/cluster-namespaces.ts";
import { missing } from "../support/machine.ts";
import { NODE_ANSWER, plumbingSpec, startInstance } from "../support/node-instance.ts";
import { byTarget, describeProbes, failed, startProbing } from "../support/probes.ts";
import type { Probe } from "../support/probing-client.worker.ts";

const SKIP = missing("linux", "root", "namespaces", "ip", "nft", "iptables", "sysctl", "dig");
const ADDRESSES = [...LOCAL_ADDRESSES, ...SERVICES];
/** The lease of the node's own processes, and the time to notice. */
const NODE_GAP_MS = 1500;
const INTERVAL_MS = 20;

/** What one client saw of one address. */
interface Seen {
  readonly target: string;
  readonly probes: readonly Probe[];
}

function answersOf(probes: readonly Probe[]): string[] {
  return [...new Set(probes.flatMap((probe) => probe.answer ?? []))].sort();
}

function seenBy(probes: readonly Probe[]): Seen[] {
  return [...byTarget(probes)].map(([target, some]) => ({ target, probes: some }));
}

for (const proxyMode of ["iptables", "nftables"] satisfies ProxyMode[]) {
  for (const intercept of ["address", "rewrite"] as const) {
    describe(`kill -9 of everything, intercept ${intercept}, kube-proxy in ${proxyMode} mode`, { skip: SKIP }, () => {
      it("costs a pod at most one query, and a process of the node 1.5 s; nothing has to be removed", async (t) => {
        const cluster = await ClusterNamespaces.open(proxyMode);
        try {
          const first = await startInstance(cluster, plumbingSpec(intercept));
          const pod = await startProbing(cluster, "pod", ADDRESSES, INTERVAL_MS);
          const node = await startProbing(cluster, "node", ADDRESSES, INTERVAL_MS);
          await sleep(1000);
          const { signalMs: killedMs, goneMs } = await first.kill();
          const dyingMs = goneMs - killedMs;
          for (const address of ADDRESSES) {
            for (const transport of ["+notcp", "+tcp"]) {
              const words = ["+tries=1", "+time=1", "+short", transport, `@${address}`, "a.example.org"];
              assert.ok(CLUSTER_ANSWERS.includes(cluster.run("pod", "dig", ...words).trim()), words.join(" "));
            }
          }
          await sleep(2500);
          const restartedMs = Date.now();
          const second = await startInstance(cluster, plumbingSpec(intercept));
          const caughtMs = Date.now();
          await sleep(1500);
          const ofPod = seenBy(await pod.end());
          const ofNode = seenBy(await node.end());
          const most = Math.max(...ofPod.map(({ probes }) => failed(probes).length));
          const lastMs = Math.max(...ofNode.flatMap(({ probes }) => failed(probes).map((probe) => probe.sentMs)));
          t.diagnostic(`ended ${Math.round(dyingMs)} ms after the signal; a pod's loop lost ${most} at most`);
          t.diagnostic(
            `the last query that a process of the node lost was sent ${Math.round(lastMs - killedMs)} ms after it`,
          );
          await second.end();

          assert.equal(ofPod.length, ADDRESSES.length * 2);
          for (const { target, probes } of ofPod) {
            const told = `pod, ${target}\n${describeProbes(probes, killedMs)}`;
            const before = probes.filter((probe) => probe.sentMs < killedMs - 100);
            const dead = probes.filter((probe) => probe.sentMs > killedMs + 100 && probe.sentMs < restartedMs);
            const back = probes.filter((probe) => probe.sentMs > caughtMs + 100);
            assert.ok(before.length > 10 && dead.length > 50 && back.length > 20, told);
            assert.deepEqual(answersOf(before), [NODE_ANSWER], told);
            // The one under way; and, as long as the kernel needs to end processes of this size, one each interval.
            const mayFail = 1 + Math.floor(dyingMs / INTERVAL_MS);
            assert.ok(
              failed(probes).length <= mayFail,
              `${failed(probes).length} failed, dying ${dyingMs} ms: ${told}`,
            );
            const late = failed(probes).filter(({ sentMs }) => sentMs > killedMs + dyingMs + INTERVAL_MS);
            assert.equal(late.length, 0, told);
            assert.deepEqual(answersOf(dead), CLUSTER_ANSWERS, told);
            assert.deepEqual(answersOf(back), [NODE_ANSWER], told);
          }
          for (const { target, probes } of ofNode) {
            const told = `node, ${target}\n${describeProbes(probes, killedMs)}`;
            const late = failed(probes).filter(
              ({ sentMs }) => sentMs < killedMs - 100 || sentMs > killedMs + NODE_GAP_MS,
            );
            assert.equal(late.length, 0, told);
            const dead = probes.filter((probe) => probe.sentMs > killedMs + NODE_GAP_MS && probe.sentMs < restartedMs);
            assert.deepEqual(answersOf(dead), CLUSTER_ANSWERS, told);
          }
          // The second instance took everything away with it.
          assert.doesNotMatch(cluster.run("node", "nft", "list", "tables"), /nodens/);
          assert.doesNotMatch(cluster.run("node", "ip", "link"), /nodelocaldns/);
        } finally {
          await cluster.close();
        }
      });
    });
  }
}
