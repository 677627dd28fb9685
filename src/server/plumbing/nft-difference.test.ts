import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { existingTable, hasLease, tableDifference } from "./nft-difference.ts";
import { type NftTable, nftTable } from "./nft-table.ts";

const TABLE = nftTable(
  "nodens",
  {
    family: "ip",
    addresses: ["169.254.20.10", "10.96.0.10"],
    rewrites: [],
    withoutService: ["169.254.20.10"],
    fallback: [{ address: "10.244.1.2", port: 53 }],
  },
  { port: 53, healthPort: 8080 },
  "open",
);

type Part = Record<string, Record<string, unknown>>;

/** As `nft -j list table` of nft 1.0.6 tells a table that is as wanted. */
function listed(table: NftTable): Part[] {
  return [
    { metainfo: { version: "1.0.6", json_schema_version: 1 } },
    { table: { family: "ip", name: "nodens", handle: 2 } },
    { set: { name: "alive", type: "ipv4_addr", flags: ["timeout"] } },
    {
      set: {
        name: "elsewhere",
        type: ["ipv4_addr", "inet_service", "ipv4_addr"],
        size: 65_535,
        flags: ["timeout"],
        timeout: 60,
      },
    },
    ...table.sets.flatMap(({ name, elements }) =>
      elements === undefined ? [] : [{ set: { name, elem: elements.toReversed() } }],
    ),
    ...table.chains.map(({ name, type, hook, priority }) => ({
      chain: { name, type, hook, prio: priority, policy: "accept" },
    })),
    ...table.chains.flatMap(({ name, rules }) =>
      rules.map(({ comment }) => ({ rule: { chain: name, comment, expr: [] } })),
    ),
  ];
}

function differences(change: (parts: Part[]) => Part[]): string[] {
  return tableDifference(TABLE, { nftables: change(listed(TABLE)) }).map(({ kind, what }) => `${kind} ${what}`);
}

function isRule(part: Part, chain: string): boolean {
  return part["rule"]?.["chain"] === chain;
}

describe("tableDifference", () => {
  it("is nothing when all is there, in whatever order sets list their elements", () => {
    assert.deepEqual(
      differences((parts) => parts),
      [],
    );
  });

  it("is every rule and set when there is no table", () => {
    const all = tableDifference(TABLE, undefined);
    const rules = TABLE.chains.reduce((sum, chain) => sum + chain.rules.length, 0);
    assert.equal(all.length, rules + TABLE.sets.length);
    assert.ok(all.every((change) => change.kind === "added"));
  });

  it("names a rule that is missing", () => {
    const found = differences((parts) => parts.filter((part) => !isRule(part, "fallback")));
    assert.deepEqual(found, [
      "added ip nodens fallback: ip daddr @without_service meta l4proto { tcp, udp } th dport 53 dnat to numgen random mod 1 map { 0 : 10.244.1.2 }",
    ]);
  });

  it("names a rule that is there twice, one of somebody else, and one of another fallback", () => {
    const [again] = listed(TABLE).filter((part) => isRule(part, "output"));
    assert.match(
      differences((parts) => [...parts, again ?? {}]).join(),
      /^removed ip nodens output: a rule "UDP queries/,
    );
    const foreign = { rule: { chain: "output", expr: [] } };
    assert.deepEqual(
      differences((parts) => [...parts, foreign]),
      ["removed ip nodens output: a rule of somebody"],
    );
    const old = { rule: { chain: "fallback", comment: "nobody listens: to the cluster DNS; 00000000", expr: [] } };
    assert.match(differences((parts) => [...parts, old]).join(), /^removed ip nodens fallback: a rule "nobody listens/);
  });

  it("sees rules in another order", () => {
    const found = differences((parts) => parts.toReversed());
    assert.match(found.join("\n"), /^added ip nodens prerouting: the order of its rules/m);
  });

  it("takes a chain at another place as none", () => {
    const found = differences((parts) =>
      parts.map((part) => (part["chain"]?.["name"] === "output" ? { chain: { ...part["chain"], prio: 0 } } : part)),
    );
    const rules = TABLE.chains.find((chain) => chain.name === "output")?.rules.length;
    assert.equal(found.filter((each) => each.startsWith("added ip nodens output: ")).length, rules);
  });

  it("sees addresses that are missing or too many, and chains and sets that are not ours", () => {
    const found = differences((parts) => [
      ...parts.map((part) =>
        part["set"]?.["name"] === "addresses"
          ? { set: { name: "addresses", elem: ["169.254.20.10", "192.0.2.1"] } }
          : part,
      ),
      { chain: { name: "mine" } },
      { set: { name: "theirs" } },
      { set: { name: "__set0" } },
    ]);
    assert.deepEqual(found, [
      "removed ip nodens mine",
      "added ip nodens set addresses: 10.96.0.10",
      "removed ip nodens set addresses: 192.0.2.1",
      "removed ip nodens set theirs",
    ]);
  });

  it("takes what is no listing as no table", () => {
    for (const listing of [undefined, null, 7, {}, { nftables: {} }]) {
      assert.ok(tableDifference(TABLE, listing).length > 0);
    }
  });
});

describe("existingTable", () => {
  it("is undefined without a table, and where a lasting set is of another form", () => {
    assert.equal(existingTable(TABLE, undefined), undefined);
    const other = listed(TABLE).map((part) =>
      part["set"]?.["name"] === "elsewhere" ? { set: { ...part["set"], size: 7 } } : part,
    );
    assert.equal(existingTable(TABLE, { nftables: other }), undefined);
  });

  it("lists chains and sets, but for those that are parts of rules", () => {
    const parts = [...listed(TABLE), { set: { name: "__map0" } }];
    assert.deepEqual(existingTable(TABLE, { nftables: parts }), {
      chains: ["prerouting", "output", "fallback", "fallback_output", "fallback_postrouting"],
      sets: ["alive", "elsewhere", "addresses", "without_service"],
    });
  });
});

describe("hasLease", () => {
  it("tells by the elements whether somebody is alive", () => {
    assert.equal(hasLease({ nftables: listed(TABLE) }), false);
    const leased = { set: { name: "alive", elem: [{ elem: { val: "10.96.0.10", timeout: 1, expires: 0 } }] } };
    assert.equal(hasLease({ nftables: [leased] }), true);
    assert.equal(hasLease(undefined), false);
  });
});
