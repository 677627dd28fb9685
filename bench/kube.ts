/**
 * A cluster of 10,000 Services with 5 endpoints each: from the start to the first right answer, memory then, and from a
 * change at the API server to the changed answer. The API server is that of the tests, on the load generator's core.
 */
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../src/base/clock.ts";
import { askUdp, queryFor } from "../test/support/dns-client.ts";
import { generatedAddress, generatedNamespace, generatedService } from "../test/support/generated-cluster.ts";
import { endChild, spawnPinned } from "./children.ts";
import { proportionalMemory } from "./process-accounts.ts";
import type { Column } from "./results.ts";
import { freePort } from "./running-server.ts";
import type { Bench } from "./scenario.ts";
import { nodensCommand } from "./servers.ts";

const SERVICES = 10_000;
const ENDPOINTS = 5;
const CHANGES = 50;
const SYNC_MS = 60_000;
const MIB = 1024 * 1024;
const COLUMNS: readonly Column[] = [
  { key: "syncMs", title: "synced after ms", digits: 0, claim: true },
  { key: "pssMib", title: "PSS MiB, synced", digits: 1, claim: true },
  { key: "laterMib", title: "PSS MiB, 5 s later", digits: 1 },
  { key: "seenMs", title: "change seen after ms, median", digits: 1, claim: true },
  { key: "slowestMs", title: "slowest", digits: 1 },
];

export async function kube(bench: Bench): Promise<void> {
  const { loadCore, serverCore, rounds } = bench.options;
  const script = fileURLToPath(new URL("./kube-api-process.ts", import.meta.url));
  const command = [process.execPath, script, String(SERVICES), String(ENDPOINTS)];
  const api = spawnPinned(loadCore, command, ["ignore", "inherit", "inherit", "ipc"]);
  const [{ port: apiPort }] = (await once(api, "message")) as [{ readonly port: number }];
  let change = 0;
  for (let round = 1; round <= rounds; round++) {
    const port = await freePort();
    const directory = join(bench.directory, `kube-${port}`);
    await mkdir(directory);
    const corefile = `.:${port} {
    bind 127.0.0.1
    cache 30
    kubernetes cluster.local {
        endpoint http://127.0.0.1:${apiPort}
    }
}
`;
    await writeFile(join(directory, "Corefile"), corefile);
    const plan = { command: nodensCommand("serve", "-c", join(directory, "Corefile")), files: { Corefile: corefile } };
    bench.plans.set("nodens", plan);
    const startedAtMs = systemClock.monotonicMs();
    const child = spawnPinned(serverCore, plan.command, ["ignore", "ignore", "inherit"]);
    try {
      const last = SERVICES - 1;
      // What an earlier round changed is not asked for.
      await untilAddress(port, last, generatedAddress(last), SYNC_MS);
      const syncMs = systemClock.monotonicMs() - startedAtMs;
      const pid = child.pid ?? 0;
      const pssMib = proportionalMemory(pid) / MIB;
      await new Promise((resolve) => setTimeout(resolve, 5000));
      const laterMib = proportionalMemory(pid) / MIB;
      const seen: number[] = [];
      for (let i = 0; i < CHANGES; i++) {
        change++;
        const index = (i * 97) % last;
        const changedAtMs = systemClock.monotonicMs();
        api.send({ index, change });
        await untilAddress(port, index, generatedAddress(index, change), 5000);
        seen.push(systemClock.monotonicMs() - changedAtMs);
      }
      seen.sort((a, b) => a - b);
      const seenMs = seen[CHANGES / 2] ?? Number.NaN;
      const values = { syncMs, pssMib, laterMib, seenMs, slowestMs: seen.at(-1) ?? Number.NaN };
      bench.results.add(`kube, ${SERVICES} Services with ${ENDPOINTS} endpoints each`, COLUMNS, {
        server: "nodens",
        values,
      });
      bench.progress(`round ${round}: synced after ${syncMs.toFixed(0)} ms, ${pssMib.toFixed(1)} MiB`);
    } finally {
      await endChild(child);
      await rm(directory, { recursive: true, force: true });
    }
  }
  api.disconnect();
  await once(api, "exit");
}

/** Asks until the Service has the address. */
async function untilAddress(port: number, index: number, address: string, withinMs: number): Promise<void> {
  const wire = queryFor(`${generatedService(index)}.${generatedNamespace(index)}.svc.cluster.local.`, 1);
  const wanted = Buffer.from(address.split(".").map(Number));
  const deadlineMs = systemClock.monotonicMs() + withinMs;
  while (systemClock.monotonicMs() < deadlineMs) {
    const answer = await askUdp({ port, wire, timeoutMs: 200 }).catch(() => undefined);
    if (answer !== undefined && Buffer.from(answer).indexOf(wanted, wire.length) >= 0) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`${generatedService(index)} has not the address ${address} after ${withinMs} ms`);
}
