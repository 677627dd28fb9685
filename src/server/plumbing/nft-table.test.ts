import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nftTable, tableName, tableText } from "./nft-table.ts";
import type { FamilyWanted } from "./wanted.ts";

const PORTS = { port: 53, healthPort: 8080 };
const WANTED: FamilyWanted = {
  family: "ip",
  addresses: ["169.254.20.10"],
  rewrites: [{ service: "10.96.0.10", own: "169.254.20.11" }],
  withoutService: ["169.254.20.10"],
  fallback: [
    { address: "10.244.1.2", port: 53 },
    { address: "10.244.1.3", port: 1053 },
  ],
};

function rulesOf(state: "open" | "closed", wanted: FamilyWanted = WANTED): string[] {
  return nftTable("nodens", wanted, PORTS, state).chains.flatMap((chain) => chain.rules.map((rule) => rule.text));
}

describe("nftTable", () => {
  it("gates UDP and the start of TCP on a socket that is not bound to all addresses, the rest of TCP on any", () => {
    const text = tableText(nftTable("nodens", { ...WANTED, rewrites: [], fallback: [] }, PORTS, "open"));
    assert.match(text, /ip daddr @addresses udp dport 53 socket wildcard 0 notrack accept comment/);
    assert.match(text, /tcp flags & \(syn\|ack\) == syn socket wildcard 0 .* notrack accept comment/);
    assert.match(text, /tcp flags & \(syn\|ack\) != syn .* socket transparent 0 notrack accept comment/);
  });

  it("asks no socket of packets of the node's own processes, where it would find theirs", () => {
    const output = nftTable("nodens", WANTED, PORTS, "open").chains.find((chain) => chain.name === "output");
    assert.ok(output !== undefined && output.rules.every((rule) => !rule.text.includes("socket")));
  });

  it("writes the Service's address back behind the gate", () => {
    const rules = rulesOf("open").filter((rule) => rule.includes("169.254.20.11 "));
    assert.match(rules.at(0) ?? "", /daddr 169\.254\.20\.11 udp .* accept$/);
    assert.match(rules.at(-2) ?? "", /^ip daddr 169\.254\.20\.11 .* ip daddr set 10\.96\.0\.10$/);
    assert.match(rules.at(-1) ?? "", /^ip saddr 169\.254\.20\.11 .* ip saddr set 10\.96\.0\.10$/);
  });

  it("catches nothing new when closed, and is a part of what it is when open", () => {
    const closed = rulesOf("closed");
    const open = rulesOf("open");
    assert.ok(closed.every((rule) => open.includes(rule)));
    const catching = open.filter((rule) => !closed.includes(rule));
    assert.ok(catching.every((rule) => /notrack(?: accept)?$/.test(rule)));
    assert.deepEqual(
      closed.filter((rule) => rule.includes("socket wildcard")),
      [],
    );
  });

  it("names ports of targets only where they differ from the port of DNS", () => {
    const dnat = (wanted: FamilyWanted): string =>
      rulesOf("open", wanted).find((rule) => rule.includes("dnat to") || rule.includes("dnat ip")) ?? "";
    assert.match(
      dnat(WANTED),
      /dnat ip to numgen random mod 2 map \{ 0 : 10\.244\.1\.2 \. 53, 1 : 10\.244\.1\.3 \. 1053 \}$/,
    );
    const same = { ...WANTED, fallback: [{ address: "10.244.1.2", port: 53 }] };
    assert.match(dnat(same), /dnat to numgen random mod 1 map \{ 0 : 10\.244\.1\.2 \}$/);
  });

  it("explains every rule within the 127 bytes that the kernel keeps of a comment", () => {
    for (const chain of nftTable("nodens", WANTED, PORTS, "open").chains) {
      const comments = chain.rules.map((rule) => rule.comment);
      assert.equal(new Set(comments).size, comments.length);
      for (const comment of comments) assert.ok(/^[^"]+; [0-9a-f]{8}$/.test(comment) && comment.length < 128, comment);
    }
  });
});

describe("tableText", () => {
  const table = nftTable("nodens", WANTED, PORTS, "open");

  it("takes a table away before it makes it, in one transaction", () => {
    assert.match(tableText(table), /^add table ip nodens\ndelete table ip nodens\ntable ip nodens \{\n/);
  });

  it("keeps sets whose elements came by themselves", () => {
    const text = tableText(table, { chains: ["prerouting", "old"], sets: ["alive", "elsewhere", "addresses"] });
    assert.match(
      text,
      /^flush table ip nodens\ndelete chain ip nodens prerouting\ndelete chain ip nodens old\ndelete set ip nodens addresses\ntable/,
    );
    assert.doesNotMatch(text, /delete set ip nodens (?:alive|elsewhere)/);
  });
});

describe("tableName", () => {
  it("is nodens for the usual device, and says which one for another", () => {
    assert.equal(tableName("nodelocaldns"), "nodens");
    assert.equal(tableName("dns.v6"), "nodens-dns_v6");
  });
});
