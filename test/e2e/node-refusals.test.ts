/** Nodes that refuse: no tools, no capability, a file system that cannot be written, a lock that others hold. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Change, Plumbing, PlumbingSpec } from "../../src/server/plumbing/plumbing.ts";
import { ClusterNamespaces, type Started } from "../support/cluster-namespaces.ts";
import { missing } from "../support/machine.ts";
import { iptablesRules } from "../support/node-cache-rules.ts";
import { plumbingSpec } from "../support/node-instance.ts";

const SKIP = missing("linux", "root", "namespaces", "ip", "nft", "iptables", "sysctl", "setpriv", "flock", "mount");
const HOLDER = fileURLToPath(new URL("../support/plumbing-holder.worker.ts", import.meta.url));

interface Told {
  readonly choice: Plumbing["choice"];
  readonly changes: readonly Change[];
}

/** Starts a holder on the node from a shell, in a mount namespace of its own. @param shell ends with `exec "$@"` */
function hold(cluster: ClusterNamespaces, shell: string, others: Partial<PlumbingSpec> = {}): Started {
  const spec = JSON.stringify(plumbingSpec("address", others));
  return cluster.start("node", ["unshare", "--mount", "sh", "-c", shell, "sh", process.execPath, HOLDER, spec]);
}

/** Sets rules up, and reads all that was told until then. */
async function setUp(holder: Started): Promise<Told> {
  await holder.until('"interface"\n');
  holder.child.stdin?.write("rules\n");
  await holder.until('"rules"\n');
  const told = holder.lines().map((line) => JSON.parse(line) as unknown);
  const changes = told.filter((each): each is Change => typeof each === "object" && each !== null && "kind" in each);
  return { choice: (told[0] as { choice: Plumbing["choice"] }).choice, changes };
}

function failures({ changes }: Told): string[] {
  return changes.flatMap(({ failure }) => (failure === undefined ? [] : [`${failure.errorType}: ${failure.reason}`]));
}

function rulesOf(cluster: ClusterNamespaces): string[] {
  const tables = cluster
    .run("node", "nft", "list", "tables")
    .split("\n")
    .filter((line) => line.includes("nodens"));
  const rules = iptablesRules((program, ...args) => cluster.run("node", program, ...args));
  return [...tables, ...rules.filter((rule) => rule.includes("NodeLocal"))];
}

function libnftables(): string {
  const [, path = ""] =
    /libnftables\.so\.1 .*=> (\S+)/.exec(execFileSync("/sbin/ldconfig", ["-p"], { encoding: "utf8" })) ?? [];
  return path;
}

async function withCluster(action: (cluster: ClusterNamespaces) => Promise<void>): Promise<void> {
  const cluster = await ClusterNamespaces.open("none");
  try {
    await action(cluster);
  } finally {
    await cluster.close();
  }
}

describe("a node that refuses", { skip: SKIP }, () => {
  it("without nft, its library and iptables: the interface is made, and one line says what is missing", async () =>
    await withCluster(async (cluster) => {
      const holder = hold(cluster, `mount --bind /dev/null ${libnftables()} && PATH=/nowhere exec "$@"`);
      const told = await setUp(holder);
      assert.equal(told.choice.backend, "none");
      assert.deepEqual(failures(told), [
        "iptables: no rules can be set up: neither libnftables.so.1 nor nft is installed, and iptables is not installed",
      ]);
      assert.match(cluster.run("node", "ip", "-br", "address"), /nodelocaldns.*169\.254\.20\.10\/32/);
      assert.equal(await holder.end(), 0);
      assert.doesNotMatch(cluster.run("node", "ip", "link"), /nodelocaldns/);
    }));

  it("without the library but with nft: the program does the same", async () =>
    await withCluster(async (cluster) => {
      // Debian's nft is made of the library that is hidden from us: it gets a copy.
      const own =
        'mount -t tmpfs tmpfs /mnt && cp "$(command -v nft)" /mnt/real && cp LIBNFTABLES /mnt/libnftables.so.1';
      const wrapper =
        "printf '#!/bin/sh\\nLD_LIBRARY_PATH=/mnt exec /mnt/real \"$@\"\\n' >/mnt/nft && chmod +x /mnt/nft";
      const mask = "mount --bind /dev/null LIBNFTABLES && PATH=/mnt:$PATH";
      const shell = `${own} && ${wrapper} && ${mask} exec "$@"`.replaceAll("LIBNFTABLES", libnftables());
      const holder = hold(cluster, shell);
      const told = await setUp(holder);
      assert.deepEqual(failures(told), []);
      assert.match(told.choice.why, /rules by nftables \(\/\S+\/nft\)/);
      assert.match(cluster.run("node", "nft", "list", "set", "ip", "nodens", "alive"), /169\.254\.20\.10 timeout 1s/);
      assert.equal(await holder.end(), 0);
      assert.deepEqual(rulesOf(cluster), []);
    }));

  it("without nft and its library but with iptables: node-cache's rules", async () =>
    await withCluster(async (cluster) => {
      const mask = `mount --bind /dev/null ${libnftables()} && mount --bind /dev/null "$(command -v nft)"`;
      const holder = hold(cluster, `${mask} && exec "$@"`);
      const told = await setUp(holder);
      assert.deepEqual(failures(told), []);
      assert.equal(told.choice.backend, "iptables");
      assert.equal(rulesOf(cluster).length, 4 * 12);
      assert.equal(await holder.end(), 0);
      assert.deepEqual(rulesOf(cluster), []);
    }));

  it("without NET_ADMIN: one line for the interface and one for the rules, and nothing is changed", async () =>
    await withCluster(async (cluster) => {
      for (const backend of ["auto", "iptables"] as const) {
        const drop = 'exec setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$@"';
        const holder = hold(cluster, drop, { backend });
        const told = await setUp(holder);
        const lines = failures(told);
        assert.equal(lines.length, 2, lines.join("\n"));
        assert.match(lines[0] ?? "", /^interface_add: interface nodelocaldns: not permitted: .*NET_ADMIN/);
        assert.match(lines[1] ?? "", /^iptables: .*not permitted: .*NET_ADMIN/);
        assert.doesNotMatch(cluster.run("node", "ip", "link"), /nodelocaldns/);
        assert.deepEqual(rulesOf(cluster), []);
        assert.equal(await holder.end(), 0);
      }
    }));

  it("with NET_ADMIN alone of all capabilities: everything, but for what iptables-legacy needs NET_RAW for", async () =>
    await withCluster(async (cluster) => {
      const only = 'exec setpriv --bounding-set=-all,+net_admin,+net_bind_service --inh-caps=-all "$@"';
      for (const backend of ["auto", "iptables"] as const) {
        const holder = hold(cluster, only, { backend });
        assert.deepEqual(failures(await setUp(holder)), []);
        assert.equal(await holder.end(), 0);
        assert.deepEqual(rulesOf(cluster), []);
      }
      // From now on the table of the older variant is there, and may hide leftovers.
      cluster.run("node", "iptables-legacy", "-t", "raw", "-L");
      const holder = hold(cluster, only);
      const told = await setUp(holder);
      assert.deepEqual(failures(told), [
        "iptables: iptables-legacy-save: not permitted: it needs the capabilities NET_ADMIN and NET_RAW",
      ]);
      assert.match(rulesOf(cluster).join(), /table ip nodens,table ip6 nodens/);
      await holder.end();
    }));

  it("with a read-only file system: nftables needs none to write", async () =>
    await withCluster(async (cluster) => {
      const holder = hold(cluster, 'mount -o remount,bind,ro / && ! touch /nodens-test 2>&- && exec "$@"');
      assert.deepEqual(failures(await setUp(holder)), []);
      assert.equal(await holder.end(), 0);
      assert.deepEqual(rulesOf(cluster), []);
    }));

  it("with a read-only file system and iptables-legacy: it names the lock file, and no rule is there", async () =>
    await withCluster(async (cluster) => {
      const shell = `${legacyOnly()} rm -f /run/xtables.lock; mount -o remount,ro /run && exec "$@"`;
      const holder = hold(cluster, shell, { backend: "iptables" });
      const [line = "", ...others] = failures(await setUp(holder));
      assert.match(line, /^iptables_lock: iptables-legacy-restore: .*xtables\.lock.*Mount \/run\/xtables\.lock/);
      assert.match(others.join("\n"), /^(?:iptables_lock: ip6tables-legacy-restore: .*)?$/);
      assert.deepEqual(rulesOf(cluster), []);
      await holder.end();
    }));

  it("with the xtables lock held by somebody: a failure after five seconds, all rules once it is free", async () =>
    await withCluster(async (cluster) => {
      const locked = `${legacyOnly()} flock /run/xtables.lock sleep 12 & sleep 0.3;`;
      const holder = hold(cluster, `${locked} exec "$@"`, {
        backend: "iptables",
        localAddresses: ["169.254.20.10"],
        serviceAddresses: [],
      });
      const startedMs = performance.now();
      const told = await setUp(holder);
      assert.ok(performance.now() - startedMs < 9000);
      assert.deepEqual(failures(told), [
        "iptables_lock: iptables-legacy-restore: another program has held the xtables lock for 5 s",
      ]);
      assert.deepEqual(rulesOf(cluster), []);
      const endsMs = performance.now() + 15_000;
      while (rulesOf(cluster).length === 0 && performance.now() < endsMs) await sleep(200);
      await sleep(500);
      assert.equal(rulesOf(cluster).length, 12);
      assert.equal(await holder.end(), 0);
      assert.deepEqual(rulesOf(cluster), []);
    }));
});

/** A /run of its own, so that the machine's lock stays free, and of the two variants the one that takes the lock. */
function legacyOnly(): string {
  const names = ["iptables", "ip6tables"].flatMap((name) => [`${name}-legacy-save`, `${name}-legacy-restore`]);
  const links = names.map((name) => `ln -s "$(command -v ${name})" /run/bin/;`).join(" ");
  return `mount -t tmpfs tmpfs /run && mkdir /run/bin; ${links} export PATH=/run/bin:/usr/bin;`;
}
