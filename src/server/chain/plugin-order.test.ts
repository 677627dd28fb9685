import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { directiveStatus, knownDirectives, PLUGIN_ORDER_1_12, PLUGIN_ORDER_1_14, pluginOrder } from "./plugin-order.ts";

/** Whether `upper` sees a query before `lower` does. */
function above(order: readonly string[], upper: string, lower: string): boolean {
  assert.ok(order.includes(upper) && order.includes(lower));
  return order.indexOf(upper) < order.indexOf(lower);
}

describe("the order of plugins", () => {
  for (const order of [PLUGIN_ORDER_1_12, PLUGIN_ORDER_1_14]) {
    it(`names each of ${order.length} plugins once`, () => assert.equal(new Set(order).size, order.length));
  }

  it("has every plugin of 1.12 in 1.14 too", () => {
    assert.deepEqual(
      PLUGIN_ORDER_1_12.filter((name) => !PLUGIN_ORDER_1_14.includes(name)),
      [],
    );
    assert.deepEqual(
      PLUGIN_ORDER_1_14.filter((name) => !PLUGIN_ORDER_1_12.includes(name)),
      ["proxyproto", "grpc_server", "https", "https3", "shed", "nomad"],
    );
  });

  it("puts rewrite and autopath above the cache from 1.14 on, and rewrite above acl", () => {
    const newer = pluginOrder("1.14");
    assert.ok(above(newer, "rewrite", "cache") && above(newer, "autopath", "cache") && above(newer, "acl", "cache"));
    assert.ok(above(newer, "rewrite", "acl"));
    const older = pluginOrder("1.12");
    assert.ok(above(older, "cache", "rewrite") && above(older, "cache", "autopath"));
    assert.ok(above(older, "acl", "cache") && above(older, "acl", "rewrite"));
  });

  it("differs in nothing else but where tls stands", () => {
    const moved = new Set(["rewrite", "autopath", "acl", "tls"]);
    const both = (order: readonly string[]): string[] =>
      order.filter((name) => PLUGIN_ORDER_1_12.includes(name) && !moved.has(name));
    assert.deepEqual(both(PLUGIN_ORDER_1_12), both(PLUGIN_ORDER_1_14));
  });

  it("logs and counts above the cache, and looks for loops right before forwarding", () => {
    for (const order of [PLUGIN_ORDER_1_12, PLUGIN_ORDER_1_14]) {
      assert.ok(above(order, "prometheus", "errors") && above(order, "errors", "log") && above(order, "log", "cache"));
      assert.equal(order.indexOf("forward") - order.indexOf("loop"), 1);
      assert.ok(above(order, "cache", "hosts") && above(order, "hosts", "loop"));
    }
  });
});

describe("the name of a directive", () => {
  const status = directiveStatus(new Set(["cache", "nodens"]));

  it("is one of this build, one of CoreDNS, or unknown", () => {
    assert.equal(status("cache"), "built");
    assert.equal(status("nodens"), "built");
    assert.equal(status("etcd"), "known");
    assert.equal(status("nomad"), "known");
    assert.equal(status("casche"), "unknown");
    assert.equal(knownDirectives.has("import"), false);
  });
});
