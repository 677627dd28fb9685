import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError } from "../../../base/errors.ts";
import { directivesOf } from "../../../../test/support/setup-context.ts";
import { type CacheSettings, parseCache } from "./cache-settings.ts";

function parse(text: string): CacheSettings {
  return parseCache(directivesOf(`example.org {\n${text}\n}`, "cache"), ["example.org."]);
}

const defaults: CacheSettings = {
  zones: ["example.org."],
  success: { capacity: 9984, maxTtlS: 3600, minTtlS: 5 },
  denial: { capacity: 9984, maxTtlS: 1800, minTtlS: 5 },
  prefetch: undefined,
  stale: undefined,
  servfailS: 5,
  disabledSuccess: [],
  disabledDenial: [],
  keepTtl: false,
};
const stale = {
  upToS: 3600,
  mode: "immediate",
  verifyTimeoutMs: 0,
  ttlS: undefined,
  recheckS: 0,
  preferPositive: false,
};
const ofTtl = (maxTtlS: number): Partial<CacheSettings> => ({
  success: { ...defaults.success, maxTtlS },
  denial: { ...defaults.denial, maxTtlS },
});

describe("cache directive", () => {
  const understood: [string, Partial<CacheSettings>][] = [
    ["cache", {}],
    ["cache {\n}", {}],
    ["cache 30", ofTtl(30)],
    ["cache 25 Sub.example.org example.net.", { ...ofTtl(25), zones: ["sub.example.org.", "example.net."] }],
    ["cache aaa example.nl", { zones: ["aaa.", "example.nl."] }],
    ["cache 10.0.0.0/16", { zones: ["0.10.in-addr.arpa."] }],
    ["cache {\nsuccess 10\n}", { success: { capacity: 1024, maxTtlS: 3600, minTtlS: 5 } }],
    [
      "cache {\nsuccess 9984 30\ndenial 9984 5\n}",
      { success: { capacity: 9984, maxTtlS: 30, minTtlS: 5 }, denial: { capacity: 9984, maxTtlS: 5, minTtlS: 5 } },
    ],
    [
      "cache 25 {\ndenial 5000 15 2\n}",
      { success: { ...defaults.success, maxTtlS: 25 }, denial: { capacity: 4864, maxTtlS: 15, minTtlS: 2 } },
    ],
    ["cache {\nsuccess 0 10 0\n}", { success: { capacity: 1024, maxTtlS: 10, minTtlS: 0 } }],
    ["cache {\nprefetch 10\n}", { prefetch: { amount: 10, durationS: 60, percentage: 10 } }],
    ["cache {\nprefetch 2 30s 50%\n}", { prefetch: { amount: 2, durationS: 30, percentage: 50 } }],
    ["cache {\nprefetch 0\n}", {}],
    ["cache {\nservfail 0\n}", { servfailS: 0 }],
    ["cache {\nservfail 1m\n}", { servfailS: 60 }],
    ["cache {\nservfail 5m\n}", { servfailS: 300 }],
    ["cache {\nkeepttl\n}", { keepTtl: true }],
    ["cache {\ndisable success\n}", { disabledSuccess: ["."] }],
    ["cache {\ndisable denial Example.org b.\n}", { disabledDenial: ["example.org.", "b."] }],
    ["cache {\nserve_stale\n}", { stale: { ...stale } as CacheSettings["stale"] }],
    ["cache {\nserve_stale 1h20m\n}", { stale: { ...stale, upToS: 4800 } as CacheSettings["stale"] }],
    ["cache {\nserve_stale 0\n}", {}],
    ["cache {\nserve_stale 0 verify\n}", {}],
    [
      "cache {\nserve_stale 1h immediate 30s 30s\n}",
      { stale: { ...stale, ttlS: 30, recheckS: 30 } as CacheSettings["stale"] },
    ],
    [
      "cache {\nserve_stale 1h immediate 4294967295s\n}",
      { stale: { ...stale, ttlS: 4294967295 } as CacheSettings["stale"] },
    ],
    ["cache {\nserve_stale 1h VERIFY\n}", { stale: { ...stale, mode: "verify" } }],
    ["cache {\nserve_stale 1h verify 250ms\n}", { stale: { ...stale, mode: "verify", verifyTimeoutMs: 250 } }],
    ["cache {\nserve_stale 1h verify 0 1m 5m\n}", { stale: { ...stale, mode: "verify", ttlS: 60, recheckS: 300 } }],
    [
      "cache {\nserve_stale\nserve_stale_policy PREFER_POSITIVE\n}",
      { stale: { ...stale, preferPositive: true } as CacheSettings["stale"] },
    ],
    [
      "cache {\nserve_stale_policy prefer_positive\nserve_stale 1h verify\n}",
      { stale: { ...stale, mode: "verify", preferPositive: true } },
    ],
  ];
  for (const [text, expected] of understood) {
    it(`understands ${JSON.stringify(text)}`, () => assert.deepEqual(parse(text), { ...defaults, ...expected }));
  }

  const refused: [string, RegExp][] = [
    ["cache 0", /cache TTL can not be zero or negative: 0/],
    ["cache -1 example.nl", /cache TTL can not be zero or negative: -1/],
    ["cache\ncache", /can only be used once/],
    ["cache {\nsuccess\n}", /Wrong argument count/],
    ["cache {\ndenial aaa\n}", /'aaa' is no whole number/],
    ["cache {\nsuccess 15 0\n}", /cache TTL can not be zero or negative: 0/],
    ["cache {\nsuccess 15 10 -1\n}", /cache min TTL can not be negative: -1/],
    ["cache {\npositive 15\n}", /unknown property 'positive'/],
    ["cache {\nprefetch\n}", /Wrong argument count/],
    ["cache {\nprefetch -1\n}", /prefetch amount should be positive: -1/],
    ["cache {\nprefetch 0 blurp\n}", /invalid duration/],
    ["cache {\nprefetch 1 1m 5%\n}", /out of range/],
    ["cache {\nprefetch 1 1m 20\n}", /no percentage/],
    ["cache {\nserve_stale 20\n}", /missing unit/],
    ["cache {\nserve_stale -20m\n}", /below 0s/],
    ["cache {\nserve_stale 1m nono\n}", /invalid value for serve_stale refresh mode: nono/],
    ["cache {\nserve_stale 1h immediate 1500ms\n}", /must be a whole number of seconds/],
    ["cache {\nserve_stale 1h immediate 4294967296s\n}", /exceeds the DNS TTL range/],
    ["cache {\nserve_stale 1h immediate 30s 6m\n}", /above 5m0s/],
    ["cache {\nserve_stale 1h immediate 30s 30s 30s\n}", /Wrong argument count/],
    ["cache {\nserve_stale 1h verify 1s 30s 30s 30s\n}", /Wrong argument count/],
    ["cache {\nserve_stale 1h verify -1s\n}", /below 0s/],
    ["cache {\nserve_stale_policy prefer_positive\n}", /serve_stale_policy requires serve_stale/],
    ["cache {\nserve_stale\nserve_stale_policy nothing\n}", /invalid serve_stale_policy: nothing/],
    ["cache {\nserve_stale\nserve_stale_policy prefer_positive\nserve_stale_policy prefer_positive\n}", /once/],
    ["cache {\nservfail\n}", /Wrong argument count/],
    ["cache {\nservfail 6m\n}", /over 5 minutes is not permitted/],
    ["cache {\nservfail -1s\n}", /below 0s/],
    ["cache {\ndisable\n}", /Wrong argument count/],
    ["cache {\ndisable everything\n}", /cache type for disable must be "success" or "denial"/],
    ["cache {\nkeepttl yes\n}", /does not take 'yes'/],
  ];
  for (const [text, fact] of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parse(text),
        (error) => error instanceof ConfigError && fact.test(error.message),
      );
    });
  }

  it("names the place of a mistake", () => {
    assert.throws(() => parse("cache {\n  servfail 6m\n}"), /^ConfigError: Corefile:3:12: /);
  });
});
