/**
 * Many pods that ask a server: each an address of its own in 10.244.0.0/16, which must be local, with a share of the queries by
 * Zipf's law, and names by Zipf's law too. One query in twenty walks along a search list first. Says what was really sent.
 *
 *   node test/support/pod-load.ts SERVER PODS NAMES QUERIES PER_SECOND
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { queryFor } from "./dns-client.ts";
import { podAddress, podName, podNamespace } from "./pod-names.ts";

/** What the load was, by key; the queries of a walk are among the queries. */
export interface LoadCounts {
  readonly pods: Record<string, number>;
  readonly names: Record<string, number>;
  readonly waste: Record<string, number>;
  readonly sent: number;
  readonly answered: number;
}

const TICK_MS = 10;
const EXPONENT = 1.1;

/** How many of `total` the ranks 1 to `count` have, by Zipf's law. */
function zipf(count: number, total: number): number[] {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1) ** EXPONENT);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => Math.ceil((weight / sum) * total));
}

/** The same order each time (Park and Miller's generator). */
function shuffled<T>(items: T[]): T[] {
  let seed = 42;
  for (let i = items.length - 1; i > 0; i--) {
    seed = (seed * 48_271) % 2_147_483_647;
    const j = seed % (i + 1);
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}

async function main([server = "", podsText, namesText, queriesText, rateText]: string[]): Promise<void> {
  const [podCount, nameCount, queryCount, perSecond] = [podsText, namesText, queriesText, rateText].map(Number);
  if (!podCount || !nameCount || !queryCount || !perSecond) throw new Error("SERVER PODS NAMES QUERIES PER_SECOND");
  const askers = shuffled(zipf(podCount, queryCount).flatMap((times, pod) => Array<number>(times).fill(pod)));
  const asked = shuffled(zipf(nameCount, queryCount).flatMap((times, name) => Array<number>(times).fill(name)));
  const sockets = await Promise.all(Array.from({ length: podCount }, (_, pod) => open(podAddress(pod), server)));
  const counts: LoadCounts & { sent: number; answered: number } = {
    pods: {},
    names: {},
    waste: {},
    sent: 0,
    answered: 0,
  };
  for (const socket of sockets) socket.on("message", () => counts.answered++);
  const send = (pod: number, name: string, wasted: boolean): void => {
    const key = `${podNamespace(pod)}/${podName(pod)}`;
    counts.pods[key] = (counts.pods[key] ?? 0) + 1;
    counts.names[name] = (counts.names[name] ?? 0) + 1;
    if (wasted) counts.waste[key] = (counts.waste[key] ?? 0) + 1;
    sockets[pod]?.send(queryFor(name, 1));
    counts.sent++;
  };
  const startedAt = performance.now();
  for (const [step, pod] of askers.entries()) {
    // Never more at once than the receive buffers hold.
    while (counts.sent > ((performance.now() - startedAt) / 1000) * perSecond) await sleep(TICK_MS);
    const name = `service-${asked[step % asked.length]}.example.`;
    if (step % 20 === 0) {
      send(pod, `${name}${podNamespace(pod)}.svc.cluster.local.`, true);
      send(pod, `${name}svc.cluster.local.`, true);
      await answers(counts);
    }
    send(pod, name, false);
  }
  await answers(counts);
  for (const socket of sockets) socket.close();
  process.stdout.write(`${JSON.stringify(counts)}\n`);
}

/** As a resolver does: what was asked is answered before the next. */
async function answers(counts: { readonly sent: number; readonly answered: number }): Promise<void> {
  for (let i = 0; i < 500 && counts.answered < counts.sent; i++) await sleep(1);
}

async function open(address: string, server: string): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, address);
  await once(socket, "listening");
  socket.connect(53, server);
  await once(socket, "connect");
  return socket;
}

await main(process.argv.slice(2));
