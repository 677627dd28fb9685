import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nodeCacheCommands } from "../../../test/support/node-cache-rules.ts";
import { restoreText, tableDifferenceOf, undoText } from "./iptables-difference.ts";
import { type IptablesRule, describeRule, nodeCacheRules, ruleArguments, ruleKey } from "./iptables-rules.ts";
import { type SavedTable, parseSave } from "./iptables-save.ts";

const RULES = nodeCacheRules("169.254.20.10", 53, 8080);
const RAW = RULES.filter((rule) => rule.table === "raw");

/** As iptables-save 1.8.9 prints a rule. */
function saved(rule: IptablesRule): string {
  const [address, port] = rule.end === "destination" ? ["-d", "--dport"] : ["-s", "--sport"];
  const comment = rule.comment === "" ? "" : ` -m comment --comment "${rule.comment}"`;
  const bits = rule.address.includes(":") ? 128 : 32;
  return `${rule.chain} ${address} ${rule.address}/${bits} -p ${rule.protocol} -m ${rule.protocol} ${port} ${rule.port}${comment} -j ${rule.target}`;
}

function table(specifications: readonly string[], name = "raw"): SavedTable {
  const lines = specifications.map((each) => `-A ${each}`);
  return parseSave([`*${name}`, ":PREROUTING ACCEPT [0:0]", ...lines, "COMMIT", ""].join("\n"), "raw");
}

/** What iptables-restore does to a table of these rules. Throws, as it does, when there is nothing to delete. */
function restored(specifications: readonly string[], input: string): string[] {
  const left = [...specifications];
  const key = (text: string): string => {
    const rule = table([text]).rules[0]?.rule;
    return rule === undefined ? text : ruleKey(rule);
  };
  for (const line of input.split("\n")) {
    const [, verb, text = ""] = /^-([IDA]) (.*)$/.exec(line) ?? [];
    if (verb === "I") left.unshift(text);
    if (verb === "A") left.push(text);
    if (verb !== "D") continue;
    const at = left.findIndex((each) => key(each) === key(text));
    assert.ok(at >= 0, `nothing to delete: ${text}`);
    left.splice(at, 1);
  }
  return left.map(key);
}

describe("nodeCacheRules", () => {
  it("are those of node-cache, argument by argument and in its order", () => {
    for (const address of ["169.254.20.10", "fd00::10"]) {
      assert.deepEqual(
        nodeCacheRules(address, 53, 8080).map(describeRule),
        nodeCacheCommands(address).map((words) => {
          const [, , , , , chain, , name, ...rest] = words;
          return [name, chain, ...rest.map((word) => (word.includes(" ") ? `"${word}"` : word))].join(" ");
        }),
      );
    }
  });
});

describe("parseSave", () => {
  it("knows each rule of node-cache as iptables prints it", () => {
    for (const rule of [...RAW, ...nodeCacheRules("fd00::10", 53, 8080).filter((each) => each.table === "raw")]) {
      assert.deepEqual(table([saved(rule)]).rules[0]?.rule, rule);
    }
  });

  it("knows NOTRACK in the spelling of newer versions", () => {
    const [rule] = RAW;
    assert.ok(rule !== undefined);
    assert.deepEqual(table([saved(rule).replace("-j NOTRACK", "-j CT --notrack")]).rules[0]?.rule, rule);
  });

  it("takes no other rule for one", () => {
    const [rule] = RAW;
    assert.ok(rule !== undefined);
    const others = [
      `${saved(rule)} --reject-with icmp`,
      saved(rule).replace("/32", "/24"),
      saved(rule).replace("-d 169", "-i eth0 -d 169"),
      saved(rule).replace("-d 169", "! -d 169"),
      saved(rule).replace("--dport 53", "--dport 53:54"),
      saved(rule).replace("-p tcp", "-p sctp"),
      saved(rule).replace("-j NOTRACK", "-j CT --zone 1"),
      saved(rule).replace("PREROUTING", "cali-PREROUTING"),
      "PREROUTING -j cali-PREROUTING",
      "OUTPUT",
      "",
    ];
    for (const other of others) assert.equal(table([other]).rules[0]?.rule, undefined, other);
  });

  it("reads one table of several, and tells whether it is in use", () => {
    const text = `# Generated\n*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n*raw\n:PREROUTING ACCEPT [1:2]\nCOMMIT\n`;
    assert.deepEqual(parseSave(text, "raw"), { rules: [], used: false });
    assert.equal(parseSave(text, "filter").rules.length, 1);
    assert.equal(parseSave("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", "filter").used, true);
    assert.equal(parseSave("*filter\n:KUBE-FIREWALL - [0:0]\nCOMMIT\n", "filter").used, true);
  });
});

describe("tableDifferenceOf", () => {
  const without = RAW.map((rule) => ({ ...rule, comment: "" }));
  const foreign = ["PREROUTING -j cali-PREROUTING", "OUTPUT -p udp -m udp --dport 53 -j NOTRACK"];
  const anyTable = fc.array(fc.constantFrom(...RAW.map(saved), ...without.map(saved), ...foreign), { maxLength: 30 });

  it("leads to each wanted rule once, to none that is managed and not wanted, and leaves the others in order", () => {
    fc.assert(
      fc.property(anyTable, fc.subarray(RAW), (specifications, wanted) => {
        const difference = tableDifferenceOf(wanted, RAW, table(specifications));
        const after = restored(specifications, restoreText("raw", difference));
        const ours = after.filter((each) => !foreign.includes(each));
        assert.deepEqual(ours.toSorted(), wanted.map((rule) => ruleKey(rule)).toSorted());
        assert.deepEqual(
          after.filter((each) => foreign.includes(each)),
          specifications.filter((each) => foreign.includes(each)),
        );
      }),
    );
  });

  it("can be taken back", () => {
    fc.assert(
      fc.property(anyTable, fc.subarray(RAW), (specifications, wanted) => {
        const difference = tableDifferenceOf(wanted, RAW, table(specifications));
        const after = restored(specifications, restoreText("raw", difference));
        const back = restored(specificationsOf(after), undoText("raw", difference));
        assert.deepEqual(back.toSorted(), restored(specifications, "").toSorted());
      }),
    );
  });

  /** From keys back to text. */
  function specificationsOf(keys: readonly string[]): string[] {
    const all = [...RAW, ...without];
    return keys.map((key) => {
      const rule = all.find((each) => ruleKey(each) === key);
      return rule === undefined ? key : saved(rule);
    });
  }

  it("reaches rules of node-cache for other addresses only when told to", () => {
    const other = nodeCacheRules("169.254.25.10", 53, 8080).filter((rule) => rule.table === "raw");
    const there = table(other.map(saved));
    assert.deepEqual(tableDifferenceOf([], RAW, there).surplus, []);
    assert.deepEqual(tableDifferenceOf([], RAW, there, true).surplus, other.map(saved));
  });
});

describe("ruleArguments", () => {
  it("leaves the comment out where there is none", () => {
    const [rule] = RAW;
    assert.ok(rule !== undefined);
    assert.equal(ruleArguments({ ...rule, comment: "" }), "-p tcp -d 169.254.20.10 --dport 53 -j NOTRACK");
  });
});
