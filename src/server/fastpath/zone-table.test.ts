import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nameFromText } from "../../dns/name-text.ts";
import { ZoneTable } from "./zone-table.ts";

function table(...zones: string[]): ZoneTable {
  return new ZoneTable(zones.map((zone, i) => ({ name: nameFromText(zone), partition: i, row: i, slow: false })));
}

function match(zones: ZoneTable, text: string, skip = 0): number {
  const name = nameFromText(text);
  return zones.match(name, 0, name.length, skip);
}

describe("zone table", () => {
  it("finds the longest zone that the name is in", () => {
    const zones = table("cluster.local.", "in-addr.arpa.", ".", "svc.cluster.local.");
    assert.equal(match(zones, "kubernetes.default.svc.cluster.local."), 3);
    assert.equal(match(zones, "cluster.local."), 0);
    assert.equal(match(zones, "1.0.96.10.in-addr.arpa."), 1);
    assert.equal(match(zones, "example.org."), 2);
    assert.equal(match(zones, "."), 2);
  });

  it("matches whole labels only, in any case", () => {
    const zones = table("local.", "example.org.");
    assert.equal(match(zones, "notlocal."), -1);
    assert.equal(match(zones, "WWW.Example.ORG."), 1);
    assert.equal(match(zones, "example.com."), -1);
  });

  it("starts above the name when told to", () => {
    const zones = table("example.org.", "org.");
    assert.equal(match(zones, "example.org.", 8), 1);
    assert.equal(match(zones, "org.", 4), -1);
  });

  it("agrees with a comparison of labels for any names", () => {
    const label = fc.stringMatching(/^[a-cA-C]{1,2}$/);
    const name = fc
      .array(label, { maxLength: 4 })
      .map((labels) => (labels.length === 0 ? "." : `${labels.join(".")}.`));
    fc.assert(
      fc.property(
        fc.uniqueArray(
          name.map((n) => n.toLowerCase()),
          { minLength: 1, maxLength: 12 },
        ),
        name,
        (zones, asked) => {
          const lower = asked.toLowerCase();
          const inside = zones.filter((zone) => zone === "." || lower === zone || lower.endsWith(`.${zone}`));
          const longest = inside.toSorted((a, b) => b.length - a.length)[0];
          assert.equal(match(table(...zones), asked), longest === undefined ? -1 : zones.indexOf(longest));
        },
      ),
    );
  });
});
