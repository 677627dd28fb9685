import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { plumbingContract } from "../../../test/contract/plumbing.ts";
import { missing } from "../../../test/support/machine.ts";
import { enterNewNetworkNamespace, sh } from "../../../test/support/network-namespace.ts";
import { iptablesRules, leaveNodeCacheRules } from "../../../test/support/node-cache-rules.ts";
import { type NodePlumbing, openPlumbing } from "./open-plumbing.ts";
import { LEASE_MS, type PlumbingSpec } from "./plumbing.ts";

const SPEC: PlumbingSpec = {
  interfaceName: "nodelocaldns",
  setUpInterface: true,
  setUpRules: true,
  localAddresses: ["169.254.20.10", "fd00::10"],
  serviceAddresses: ["10.96.0.10"],
  intercept: "auto",
  backend: "nftables",
  port: 53,
  healthPort: 8080,
  fallback: ["10.244.1.2"],
};

describe("nftables", { skip: missing("linux", "root", "namespaces", "ip", "nft", "iptables") }, () => {
  before(enterNewNetworkNamespace);

  plumbingContract({
    backend: "nftables",
    takeOneAway: () => {
      const [, handle = ""] =
        /our replies;.* handle (\d+)/.exec(sh("nft", "-a", "list", "table", "ip", "nodens")) ?? [];
      sh("nft", "delete", "rule", "ip", "nodens", "output", "handle", handle);
    },
    doubleOne: () => {
      const [, rule = ""] =
        /\n\s*(ip6 saddr .*our replies;.*)\n/.exec(sh("nft", "list", "table", "ip6", "nodens")) ?? [];
      sh("nft", `add rule ip6 nodens output ${rule}`);
    },
  });

  describe("rules that ask whether somebody listens", () => {
    const opened: NodePlumbing[] = [];

    async function open(): Promise<NodePlumbing> {
      const plumbing = await openPlumbing(SPEC);
      opened.push(plumbing);
      return plumbing;
    }

    function table(family = "ip"): string {
      return sh("nft", "list", "table", family, "nodens");
    }

    function catches(): boolean {
      return table().includes("socket wildcard 0");
    }

    afterEach(async () => {
      for (const plumbing of opened.splice(0)) {
        await plumbing.cleanUp();
        plumbing.close();
      }
    });
    after(() => assert.doesNotMatch(sh("nft", "list", "tables"), /nodens/));

    it("let the node's processes in for a second from each refresh, and for as long as it goes on", async () => {
      const plumbing = await open();
      await plumbing.ensureInterface();
      // There is no table yet, and that is no error.
      plumbing.refreshLease();
      await plumbing.ensureRules();
      for (let i = 0; i < 5; i++) {
        plumbing.refreshLease();
        await sleep(LEASE_MS / 3);
        assert.match(table(), /elements = \{ 169\.254\.20\.10 timeout 1s expires \d+ms \}/);
        assert.match(table("ip6"), /elements = \{ fd00::10 timeout 1s expires \d+ms \}/);
      }
      await sleep(LEASE_MS);
      assert.doesNotMatch(table(), /timeout 1s/);
    });

    it("of a dead instance catch nothing from before the next one binds until it is ready", async () => {
      const dead = await open();
      await dead.ensureInterface();
      await dead.ensureRules();
      assert.ok(catches());
      leaveNodeCacheRules(["10.96.0.10"]);
      const next = await open();
      const changes = await next.ensureInterface();
      assert.ok(changes.length > 0 && changes.every((change) => change.kind === "removed"));
      assert.ok(!catches());
      assert.match(table(), /dnat to .*10\.244\.1\.2/);
      assert.deepEqual(
        iptablesRules().filter((rule) => rule.includes(" raw ")),
        [],
      );
      assert.deepEqual(await next.ensureInterface(), []);
      await next.ensureRules();
      assert.ok(catches());
    });

    it("of an instance that is alive stay as they are when another one starts", async () => {
      const alive = await open();
      await alive.ensureInterface();
      await alive.ensureRules();
      alive.refreshLease();
      assert.deepEqual(await (await open()).ensureInterface(), []);
      assert.ok(catches());
    });

    it("keep lease and remembered connections when endpoints change", async () => {
      const plumbing = await open();
      await plumbing.ensureInterface();
      await plumbing.ensureRules();
      plumbing.refreshLease();
      sh("nft", "add", "element", "ip", "nodens", "elsewhere", "{ 10.244.0.5 . 40000 . 169.254.20.10 timeout 60s }");
      plumbing.setFallback(["10.244.1.9:1053"]);
      assert.ok((await plumbing.ensureRules()).length > 0);
      assert.match(table(), /dnat ip to .*10\.244\.1\.9 \. 1053/);
      assert.match(table(), /10\.244\.0\.5 \. 40000 \. 169\.254\.20\.10/);
      assert.match(table(), /169\.254\.20\.10 timeout 1s/);
    });

    it("translate replies until the interface goes, though nothing new is caught", async () => {
      const plumbing = await open();
      assert.deepEqual(plumbing.extraAddresses, ["169.254.20.11"]);
      await plumbing.ensureInterface();
      await plumbing.ensureRules();
      await plumbing.removeRules();
      assert.ok(!catches());
      assert.match(table(), /ip saddr 169\.254\.20\.11 .* ip saddr set 10\.96\.0\.10/);
      await plumbing.removeInterface();
      assert.equal(sh("nft", "list", "tables").includes("nodens"), false);
    });

    it("are put in place of a table of ours that has other sets", async () => {
      sh("nft", "add table ip nodens; add set ip nodens alive { type inet_service; }");
      const plumbing = await open();
      await plumbing.ensureInterface();
      assert.deepEqual(
        (await plumbing.ensureRules()).filter((change) => change.kind === "failed"),
        [],
      );
      assert.ok(catches());
    });
  });
});
