/**
 * What every `Plumbing` must do, whatever keeps its rules.
 *
 * The process is in a network namespace of its own (`enterNewNetworkNamespace`), which each test leaves empty.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { type NodePlumbing, openPlumbing } from "../../src/server/plumbing/open-plumbing.ts";
import type { Change, PlumbingSpec } from "../../src/server/plumbing/plumbing.ts";
import { iptablesRules, leaveNodeCacheRules } from "../support/node-cache-rules.ts";
import { sh } from "../support/network-namespace.ts";

export interface PlumbingCase {
  readonly backend: "nftables" | "iptables";
  /** Takes away one rule of ours, as somebody would who does not know us. */
  takeOneAway(): void;
  /** Puts one rule of ours there a second time. */
  doubleOne(): void;
}

const ADDRESSES = ["169.254.20.10", "10.96.0.10", "fd00::10"];
const SPEC: Omit<PlumbingSpec, "backend"> = {
  interfaceName: "nodelocaldns",
  setUpInterface: true,
  setUpRules: true,
  localAddresses: ADDRESSES,
  serviceAddresses: [],
  intercept: "auto",
  port: 53,
  healthPort: 8080,
  fallback: ["10.244.1.2", "10.244.1.3", "fd00:244:1::2"],
};

/** All that can be seen of a node, in the order of the kernel. */
function stateOfNode(): string {
  const tables = sh("nft", "-s", "list", "ruleset").replaceAll(/elements = \{[^}]*timeout[^}]*\}/g, "");
  return [tables, ...iptablesRules(), sh("ip", "-br", "address")].join("\n");
}

/** The same without what iptables leaves behind once it was asked: tables without rules. */
function rulesOfNode(): string[] {
  const ours = sh("nft", "list", "tables")
    .split("\n")
    .filter((line) => line.includes("nodens"));
  return [...ours, ...iptablesRules()];
}

function addressesOn(link: string): string[] {
  const line = sh("ip", "-br", "address", "show", "dev", link).trim();
  return line.split(/\s+/).slice(2).toSorted();
}

function kinds(changes: readonly Change[]): string[] {
  return [...new Set(changes.map((change) => change.kind))].toSorted();
}

function reasons(changes: readonly Change[]): string[] {
  return changes.flatMap(({ failure }) => failure?.reason ?? []);
}

export function plumbingContract({ backend, takeOneAway, doubleOne }: PlumbingCase): void {
  describe(`plumbing by ${backend}`, () => {
    const opened: NodePlumbing[] = [];

    async function open(others: Partial<PlumbingSpec> = {}): Promise<NodePlumbing> {
      const plumbing = await openPlumbing({ ...SPEC, backend, ...others });
      opened.push(plumbing);
      return plumbing;
    }

    /** Opened, interface and rules in place. */
    async function setUp(others: Partial<PlumbingSpec> = {}): Promise<NodePlumbing> {
      const plumbing = await open(others);
      assert.deepEqual(reasons(await plumbing.ensureInterface()), []);
      assert.deepEqual(reasons(await plumbing.ensureRules()), []);
      return plumbing;
    }

    afterEach(async () => {
      for (const plumbing of opened.splice(0)) {
        await plumbing.cleanUp();
        plumbing.close();
      }
      assert.deepEqual(rulesOfNode(), []);
    });

    it("says what it chose, and changes nothing by that", async () => {
      const before = stateOfNode();
      const plumbing = await open();
      assert.equal(plumbing.choice.backend, backend);
      assert.equal(plumbing.choice.intercept, "address");
      assert.match(plumbing.choice.why, new RegExp(`rules by ${backend}`));
      assert.equal(stateOfNode(), before);
    });

    it("plans without effect; what it planned is what it then does", async () => {
      const plumbing = await open();
      const before = stateOfNode();
      const plan = await plumbing.plan();
      assert.equal(stateOfNode(), before);
      assert.deepEqual(plan.failures, []);
      const done = [...(await plumbing.ensureInterface()), ...(await plumbing.ensureRules())];
      assert.deepEqual(
        done.map(({ kind, what }) => ({ kind, what })),
        plan.steps.flatMap((step) => step.changes),
      );
      assert.deepEqual((await plumbing.plan()).steps, []);
    });

    it("makes an interface with all addresses of both families, each alone in its network, and never sets it up", async () => {
      const plumbing = await open();
      assert.deepEqual(kinds(await plumbing.ensureInterface()), ["added"]);
      assert.deepEqual(addressesOn("nodelocaldns"), ["10.96.0.10/32", "169.254.20.10/32", "fd00::10/128"]);
      assert.match(sh("ip", "link", "show", "nodelocaldns"), /NOARP/);
      assert.doesNotMatch(sh("ip", "link", "show", "nodelocaldns"), /[<,]UP[,>]/);
    });

    it("adopts an interface that is there, and leaves addresses of others on it", async () => {
      sh("ip", "link", "add", "nodelocaldns", "type", "bridge");
      sh("ip", "link", "set", "nodelocaldns", "arp", "off");
      sh("ip", "address", "add", "169.254.20.10/32", "dev", "nodelocaldns");
      sh("ip", "address", "add", "198.51.100.7/32", "dev", "nodelocaldns");
      const index = sh("ip", "-o", "link", "show", "nodelocaldns").split(":", 1)[0];
      const plumbing = await open();
      const changes = await plumbing.ensureInterface();
      assert.deepEqual(
        changes.map((change) => change.what),
        ["address 10.96.0.10/32 of nodelocaldns", "address fd00::10/128 of nodelocaldns"],
      );
      assert.ok(addressesOn("nodelocaldns").includes("198.51.100.7/32"));
      assert.equal(sh("ip", "-o", "link", "show", "nodelocaldns").split(":", 1)[0], index);
    });

    it("takes its addresses only from a device that is not of the kind that it makes", async () => {
      sh("ip", "link", "add", "nodelocaldns", "type", "veth", "peer", "name", "other");
      const plumbing = await setUp();
      await plumbing.removeRules();
      assert.deepEqual(kinds(await plumbing.removeInterface()), ["removed"]);
      assert.deepEqual(addressesOn("nodelocaldns"), []);
      sh("ip", "link", "delete", "nodelocaldns");
    });

    it("applied twice does what once does", async () => {
      const plumbing = await setUp();
      const once = stateOfNode();
      assert.deepEqual(await plumbing.ensureInterface(), []);
      assert.deepEqual(await plumbing.ensureRules(), []);
      const another = await setUp();
      assert.deepEqual(await another.ensureInterface(), []);
      assert.deepEqual(await another.ensureRules(), []);
      assert.equal(stateOfNode(), once);
    });

    it("applied and removed leaves the node as it was, the rules of others in their order", async () => {
      sh("iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "ACCEPT");
      sh("iptables-nft", "-A", "INPUT", "-d", "169.254.20.10", "-j", "DROP");
      sh("iptables-nft", "-t", "raw", "-A", "OUTPUT", "-p", "udp", "--dport", "53", "-j", "NOTRACK");
      const before = iptablesRules();
      const plumbing = await setUp();
      assert.notDeepEqual(iptablesRules(), before);
      assert.deepEqual(kinds(await plumbing.removeRules()), ["removed"]);
      assert.deepEqual(kinds(await plumbing.removeInterface()), ["removed"]);
      assert.deepEqual(rulesOfNode(), before);
      assert.throws(() => sh("ip", "link", "show", "nodelocaldns"));
      assert.deepEqual(await plumbing.removeRules(), []);
      assert.deepEqual(await plumbing.removeInterface(), []);
      sh("iptables-nft", "-F");
      sh("iptables-nft", "-t", "raw", "-F");
    });

    it("puts back what somebody took away, and calls it restored", async () => {
      const plumbing = await setUp();
      const whole = stateOfNode();
      takeOneAway();
      sh("ip", "address", "delete", "10.96.0.10/32", "dev", "nodelocaldns");
      assert.notEqual(stateOfNode(), whole);
      assert.deepEqual(await plumbing.ensureInterface(), [
        { kind: "restored", what: "address 10.96.0.10/32 of nodelocaldns" },
      ]);
      const changes = await plumbing.ensureRules();
      assert.deepEqual(kinds(changes), ["restored"]);
      assert.equal(changes.length, 1);
      assert.deepEqual(await plumbing.ensureRules(), []);
    });

    it("puts everything back after a flush of all tables", async () => {
      const plumbing = await setUp();
      const rules = rulesOfNode();
      sh("nft", "flush", "ruleset");
      // Says nothing: the next check does.
      plumbing.refreshLease();
      assert.deepEqual(kinds(await plumbing.ensureRules()), ["restored"]);
      assert.deepEqual(rulesOfNode(), rules);
    });

    it("takes duplicates out", async () => {
      const plumbing = await setUp();
      const whole = stateOfNode();
      doubleOne();
      assert.deepEqual(kinds(await plumbing.ensureRules()), ["removed"]);
      assert.equal(stateOfNode().length, whole.length);
      assert.deepEqual(await plumbing.ensureRules(), []);
    });

    it("has the rules of a killed node-cache once or not at all, in either variant of iptables", async () => {
      for (const variant of ["-nft", "-legacy"]) {
        leaveNodeCacheRules(ADDRESSES, variant);
        leaveNodeCacheRules(["169.254.20.10"], variant);
      }
      await setUp();
      const left = iptablesRules();
      assert.equal(new Set(left).size, left.length, left.join("\n"));
      const hiding = left.filter((rule) => rule.includes(" raw "));
      assert.equal(hiding.length, backend === "iptables" ? ADDRESSES.length * 8 : 0, hiding.join("\n"));
      const variants = new Set(hiding.map((rule) => rule.split(" ", 1)[0]?.replace("ip6", "ip")));
      assert.ok(variants.size <= 1, [...variants].join(" "));
    });

    it("adopts rules of a node-cache before 1.22.19, which have no comment", async () => {
      sh(
        "iptables-nft",
        "-t",
        "raw",
        "-I",
        "PREROUTING",
        "-p",
        "udp",
        "-d",
        "169.254.20.10",
        "--dport",
        "53",
        "-j",
        "NOTRACK",
      );
      const plumbing = await setUp();
      assert.deepEqual(
        iptablesRules().filter((rule) => rule.includes("PREROUTING") && !rule.includes("comment")),
        [],
      );
      assert.deepEqual(await plumbing.ensureRules(), []);
    });

    it("cleans up after a node-cache with other addresses too", async () => {
      leaveNodeCacheRules(["169.254.25.10", "fd00::25"]);
      const plumbing = await open();
      const plan = await plumbing.planRemoval();
      assert.equal(plan.steps.flatMap((step) => step.changes).length, 24);
      assert.deepEqual(kinds(await plumbing.cleanUp()), ["removed"]);
      assert.deepEqual(rulesOfNode(), []);
      assert.deepEqual((await plumbing.planRemoval()).steps, []);
    });

    it("sets nothing up where that is not wanted", async () => {
      const before = stateOfNode();
      const plumbing = await open({ intercept: "none" });
      assert.deepEqual(await plumbing.ensureInterface(), []);
      assert.deepEqual(await plumbing.ensureRules(), []);
      plumbing.refreshLease();
      assert.equal(stateOfNode(), before);
      assert.equal(plumbing.choice.backend, "none");
    });

    it("keeps the families apart: one address, one family", async () => {
      await setUp({ localAddresses: ["fd00::10"], fallback: [] });
      assert.deepEqual(
        rulesOfNode().filter((rule) => rule.includes("table ip ") || rule.startsWith("iptables")),
        [],
      );
    });
  });
}
