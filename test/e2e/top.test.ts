/** A node with a thousand pods, a load that is known, and what `nodens top` says of it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { AdminSnapshot } from "../../src/server/daemon/admin-snapshot.ts";
import { missing } from "../support/machine.ts";
import { run } from "../support/nodens-process.ts";
import type { LoadCounts } from "../support/pod-load.ts";
import { podManifests } from "../support/pod-names.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PODS = 1000;
const SOA = "svc.cluster.local. 60 IN SOA ns.cluster.local. hostmaster.cluster.local. 1 60 60 60 60";
const COREFILE = `. {
    bind 10.96.0.10
    cache 300
    template IN ANY svc.cluster.local {
        rcode NXDOMAIN
        authority "${SOA}"
    }
    template IN A . {
        answer "{{ .Name }} 300 IN A 192.0.2.1"
    }
}
`;

/** All in a network of its own. */
function script(folder: string): string {
  return `set -e
cd ${ROOT}
ip link set lo up
ip address add 10.96.0.10/32 dev lo
ip route add local 10.244.0.0/16 dev lo
${process.execPath} bin/nodens.js serve -c ${folder}/Corefile --admin unix:${folder}/admin.sock --count-clients always \\
  --pod-names ${folder}/pods.yaml --node-name worker-1 >${folder}/log 2>&1 &
server=$!
until grep -q '^Nodens-' ${folder}/log; do kill -0 $server; sleep 0.05; done
# The manifests are read beside serving; who asks before is counted by its address.
sleep 5
${process.execPath} test/support/pod-load.ts 10.96.0.10 ${PODS} 3000 12000 6000 >${folder}/load.json
top="${process.execPath} bin/nodens.js top --admin unix:${folder}/admin.sock --once --interval 0.2 --sort queries"
$top --json --rows 1000 >${folder}/top.json
$top >${folder}/top.txt
$top --client /worker-3 --name service-1. >${folder}/filtered.txt
kill $server; wait $server
`;
}

function best(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 10);
}

describe("nodens top on a node of 1,000 pods", { skip: missing("linux", "namespaces", "ip") }, () => {
  let folder = "";
  let load: LoadCounts;
  let snapshot: AdminSnapshot;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "nodens-top-"));
    writeFileSync(join(folder, "Corefile"), COREFILE);
    writeFileSync(join(folder, "pods.yaml"), podManifests(PODS, "worker-1"));
    await run(
      "unshare",
      ["--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script(folder)],
      90_000,
    );
    load = JSON.parse(readFileSync(join(folder, "load.json"), "utf8")) as LoadCounts;
    if (process.env["NODENS_SHOW"]) process.stderr.write(readFileSync(join(folder, "top.txt"), "utf8"));
    snapshot = JSON.parse(readFileSync(join(folder, "top.json"), "utf8")) as AdminSnapshot;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const podsSeen = (): Record<string, number> =>
    Object.fromEntries(snapshot.clients?.clients.map((row) => [`${row.namespace}/${row.pod}`, row.queries]) ?? []);
  const namesSeen = (): Record<string, number> =>
    Object.fromEntries(snapshot.clients?.names.map(({ name, queries }) => [name, queries]) ?? []);

  it("was asked by all of them", () => {
    assert.equal(load.answered, load.sent);
    assert.equal(Object.keys(load.pods).length, PODS);
    assert.equal(snapshot.totals.queries, load.sent);
    assert.ok(snapshot.totals.fastHits > load.sent * 0.5, `${snapshot.totals.fastHits} hits of ${load.sent}`);
  });

  it("names the true top ten of pods and of names", () => {
    const pods = best(podsSeen());
    const names = best(namesSeen());
    assert.deepEqual(
      pods.map(([key]) => key).toSorted(),
      best(load.pods)
        .map(([key]) => key)
        .toSorted(),
    );
    assert.deepEqual(
      names.map(([key]) => key).toSorted(),
      best(load.names)
        .map(([key]) => key)
        .toSorted(),
    );
    if (snapshot.clients?.every !== 1 || snapshot.clients.uncounted > 0) return;
    // All have been looked at: pods are counted exactly, names as far as there is room for them.
    assert.deepEqual(podsSeen(), load.pods);
    assert.deepEqual(names, best(load.names));
  });

  it("tells the search waste of each pod", () => {
    if (snapshot.clients?.every !== 1 || snapshot.clients.uncounted > 0) return;
    const waste = snapshot.clients.clients.flatMap(({ namespace, pod, searchWaste }) =>
      searchWaste > 0 ? [[`${namespace}/${pod}`, searchWaste] as const] : [],
    );
    assert.deepEqual(Object.fromEntries(waste), load.waste);
  });

  it("says so in text too", () => {
    const text = readFileSync(join(folder, "top.txt"), "utf8");
    const list = (title: string): string[] =>
      (text.split(`${title} by queries\n`)[1] ?? "").split("\n\n", 1)[0]?.split("\n").slice(1) ?? [];
    const column = (line: string): string => line.trim().split(/\s+/).slice(-1)[0] ?? "";
    assert.deepEqual(
      list("NAMES").map(column).toSorted(),
      best(load.names)
        .map(([name]) => name)
        .toSorted(),
    );
    assert.deepEqual(
      list("CLIENTS")
        .map((line) => line.trim().split(/\s+/).at(-2) ?? "")
        .toSorted(),
      best(load.pods)
        .map(([key]) => key)
        .toSorted(),
    );
    const filtered = readFileSync(join(folder, "filtered.txt"), "utf8");
    assert.match(filtered, / team-3\/worker-3 10\.244\.1\.4\n/);
    assert.doesNotMatch(filtered, /worker-4 |service-2\./);
  });
});
