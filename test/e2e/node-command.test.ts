/** `nodens node` on a node of namespaces: what it says, what it does, and its exit codes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { leaveNodeCacheRules, iptablesRules } from "../support/node-cache-rules.ts";
import { missing } from "../support/machine.ts";
import { enterNewNetworkNamespace, sh } from "../support/network-namespace.ts";
import { openPlumbing } from "../../src/server/plumbing/open-plumbing.ts";

const BIN = fileURLToPath(new URL("../../bin/nodens.js", import.meta.url));

interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function nodens(words: readonly string[], wrap: readonly string[] = []): Said {
  const [program = "", ...args] = [...wrap, process.execPath, BIN, "node", ...words];
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 60_000 });
  return { code: status, stdout, stderr };
}

const WITHOUT_NET_ADMIN = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];

describe("nodens node", { skip: missing("linux", "root", "namespaces", "ip", "nft", "iptables", "setpriv") }, () => {
  before(enterNewNetworkNamespace);
  const clean = (): void => void nodens(["cleanup"]);
  beforeEach(clean);
  after(clean);

  it("status: 1 with what is missing, 0 when all is there, in text and JSON", async () => {
    const before = nodens(["status"]);
    assert.equal(before.code, 1);
    assert.match(before.stdout, /^intercept: address, rules: nftables \(.+\)\nmissing: {3}interface nodelocaldns\n/);
    const spec = {
      interfaceName: "nodelocaldns",
      setUpInterface: true,
      setUpRules: true,
      localAddresses: ["169.254.20.10", "fd00::10"],
      serviceAddresses: ["10.96.0.10"],
      intercept: "auto",
      backend: "auto",
      port: 53,
      healthPort: 8080,
      fallback: ["10.244.1.2"],
    } as const;
    const words = ["--localip", "169.254.20.10,fd00::10", "--service-ip=10.96.0.10", "--fallback", "10.244.1.2"];
    const plumbing = await openPlumbing(spec);
    await plumbing.ensureInterface();
    await plumbing.ensureRules();
    plumbing.close();
    const there = nodens(["status", ...words]);
    assert.equal(there.code, 0, there.stdout);
    assert.match(there.stdout, /^intercept: rewrite, .*\nThe node is as wanted\.\n$/);
    sh("ip", "address", "delete", "fd00::10/128", "dev", "nodelocaldns");
    const json = nodens(["status", "--json", ...words]);
    assert.equal(json.code, 1);
    const { equal, missing: lacking, surplus, unknown } = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual(
      { equal, lacking, surplus, unknown },
      { equal: false, lacking: ["address fd00::10/128 of nodelocaldns"], surplus: [], unknown: [] },
    );
  });

  it("cleanup: --dry-run prints a script that does it, and does nothing; then it does it and says what", () => {
    leaveNodeCacheRules(["169.254.20.10", "fd00::25"]);
    sh("ip", "link", "add", "nodelocaldns", "type", "bridge");
    const rules = iptablesRules();
    const dry = nodens(["cleanup", "--dry-run"]);
    assert.equal(dry.code, 0);
    assert.deepEqual(iptablesRules(), rules);
    assert.match(dry.stdout, /ip6tables-nft-restore --noflush -w 5 <<'END'\n\*raw\n-D PREROUTING -d fd00::25\/128/);
    assert.match(dry.stdout, /ip -batch - <<'END'\nlink delete nodelocaldns\nEND\n$/);
    const done = nodens(["cleanup"]);
    assert.equal(done.code, 0);
    assert.equal(done.stdout.split("\n").filter((line) => line.startsWith("removed: ")).length, 25);
    assert.deepEqual(iptablesRules(), []);
    assert.deepEqual(nodens(["cleanup"]), { code: 0, stdout: "There is nothing to remove.\n", stderr: "" });
  });

  it("cleanup --dry-run: the script, run by a shell, leaves nothing to do", () => {
    leaveNodeCacheRules(["169.254.20.10"], "-legacy");
    sh("ip", "link", "add", "nodelocaldns", "type", "bridge");
    sh("sh", "-e", "-c", nodens(["cleanup", "--dry-run"]).stdout);
    assert.equal(nodens(["cleanup", "--dry-run"]).stdout, "There is nothing to remove.\n");
  });

  it("says 3 and names the capability where it may not look or change", () => {
    sh("ip", "link", "add", "nodelocaldns", "type", "bridge");
    const status = nodens(["status"], WITHOUT_NET_ADMIN);
    assert.equal(status.code, 3);
    assert.match(status.stdout, /^unknown: .*not permitted: it needs the capability NET_ADMIN$/m);
    assert.equal(status.stderr, "");
    const cleanup = nodens(["cleanup"], WITHOUT_NET_ADMIN);
    assert.equal(cleanup.code, 3);
    assert.match(cleanup.stderr, /^nodens: .*not permitted: it needs the capability NET_ADMIN$/m);
    assert.match(sh("ip", "link"), /nodelocaldns/);
  });

  it("says 2 for wrong usage, in one line", () => {
    for (const words of [
      ["status", "--localip", "169.254.20"],
      ["status", "--port", "70000"],
      ["status", "--intercept", "magic"],
      ["cleanup", "--interfacename", "a/b"],
      ["status", "--intercept", "rewrite"],
    ]) {
      const { code, stderr, stdout } = nodens(words);
      assert.equal(code, 2, words.join(" "));
      assert.equal(stdout, "");
      assert.match(stderr.split("\n", 1)[0] ?? "", /"169\.254\.20"|70000|magic|"a\/b"|--service-ip/);
    }
  });
});
