import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AskerRow, ClientRow, NameRow } from "../server/clients/client-report.ts";
import { type AdminSnapshot, ADMIN_API } from "../server/daemon/admin-snapshot.ts";
import { figuresOf } from "./figures.ts";
import { plainText } from "./plain.ts";
import { screenOf, type Size } from "./screen.ts";
import { lineText } from "./text.ts";
import { firstState, type ViewState } from "./view-state.ts";

const WIDE: Size = { columns: 140, rows: 40 };

function name(text: string, more: Partial<NameRow> = {}): NameRow {
  return { name: text, queries: 10, uncertain: 0, perSecond: 2.5, nxdomain: 1, searchWaste: 0, ...more };
}

function asker(more: Partial<AskerRow> = {}): AskerRow {
  return {
    namespace: "shop",
    queries: 1234,
    uncertain: 0,
    perSecond: 120,
    nxdomain: 617,
    searchWaste: 123,
    misses: 4,
    missSeconds: 0.05,
    missBuckets: [],
    names: [name("own.example.")],
    ...more,
  };
}

const web: ClientRow = { ...asker(), pod: "web-1", address: "10.244.0.7" };
const stranger: ClientRow = { ...asker({ namespace: "", uncertain: 3, misses: 0 }), pod: "", address: "10.244.9.9" };

function snapshot(more: Partial<AdminSnapshot> = {}, queries = 0): AdminSnapshot {
  const counts = Array.from({ length: 17 }, () => 0);
  counts[0] = queries;
  return {
    api: ADMIN_API,
    version: "1.2.3",
    host: "worker-1",
    pid: 7,
    uptimeSeconds: 100,
    atMs: 0,
    listens: ["10.96.0.10:53"],
    totals: {
      queries,
      overTcp: 0,
      fastHits: queries,
      handedOver: 0,
      cacheHits: queries,
      cacheMisses: 0,
      servedStale: 0,
      rcodes: [queries],
      refused: 0,
      dropped: 0,
      latency: { bounds: Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i), counts, seconds: 0 },
    },
    inFlight: 2,
    cache: { answers: 7, usedBytes: 1024 * 1024, limitBytes: 32 * 1024 * 1024 },
    upstreams: [
      {
        to: "192.0.2.1:53",
        inFlight: 3,
        replies: queries,
        seconds: queries * 0.002,
        failures: 0,
        retries: 0,
        healthcheckFailures: 0,
      },
    ],
    conntrack: { entries: 5, limit: 100, insertFailed: queries, drop: 0, earlyDrop: 0, clashResolve: 0, invalid: 0 },
    clients: {
      counting: "watched",
      every: 1,
      counted: 0,
      uncounted: 0,
      seconds: 60,
      clientsKept: 2,
      clientsLimit: 1024,
      namesKept: 2,
      namesLimit: 1024,
      latencyBounds: [],
      clients: [web, stranger],
      namespaces: [asker()],
      names: [name("a.example."), name("b.example.")],
    },
    ...more,
  };
}

const two = figuresOf(snapshot({}, 1000), snapshot({ uptimeSeconds: 102 }, 3000));

function shown(state: Partial<ViewState> = {}, size = WIDE, figures = two): string {
  const { lines } = screenOf(figures, { ...firstState(1000), ...state }, size, false, undefined);
  return lines.map((line) => lineText(line, size.columns, false)).join("\n");
}

describe("figures", () => {
  it("are what happened between two snapshots", () => {
    assert.deepEqual([two.queriesPerSecond, two.hitRatio, two.latency[0]?.share], [1000, 1, 1]);
    assert.deepEqual(two.upstreams, [
      { to: "192.0.2.1:53", inFlight: 3, perSecond: 1000, failuresPerSecond: 0, meanMs: 2 },
    ]);
    assert.equal(two.conntrack?.insertFailed, 1000);
  });

  it("begin anew with another server, never below zero", () => {
    const anew = figuresOf(snapshot({}, 5000), snapshot({ pid: 8, uptimeSeconds: 10 }, 50));
    assert.deepEqual([anew.queriesPerSecond, anew.conntrack?.insertFailed], [5, 0]);
    const back = figuresOf(snapshot({ pid: 7 }, 5000), snapshot({ uptimeSeconds: 102 }, 50));
    assert.equal(back.queriesPerSecond, 0);
  });

  it("of a quiet server are none", () => {
    const quiet = figuresOf(snapshot(), snapshot({ uptimeSeconds: 101, conntrack: null, clients: null }));
    assert.deepEqual(
      [quiet.hitRatio, quiet.nxdomainShare, quiet.wasteShare, quiet.conntrack],
      [undefined, undefined, undefined, undefined],
    );
    assert.match(shown({}, WIDE, quiet), /hits - .*\n.*conntrack -/);
    assert.match(shown({}, WIDE, quiet), /this instance counts no clients/);
  });
});

describe("the view", () => {
  it("shows the server, both lists, histogram and upstreams", () => {
    const text = shown();
    for (const part of [
      "Nodens 1.2.3 on worker-1, up 1m42s, serving 10.96.0.10:53",
      "1,000 queries/s   hits 100%",
      "insert_failed 1,000/s",
      "   to 0.25 ms ████████████████  100%",
      "          3      1,000         0    2.00  192.0.2.1:53",
      "     120      1,234   50%    10%       13  shop/web-1 10.244.0.7",
      "     120     ~1,234   50%    10%        -  10.244.9.9",
      "     2.5         10   10%     0%  a.example.",
      "> CLIENTS by queries per second",
    ]) {
      assert.ok(text.includes(part), `${part}\n${text}`);
    }
  });

  it("shows the names of the chosen client, namespaces, a filter, help", () => {
    assert.match(shown({ of: "shop/web-1 10.244.0.7" }), /NAMES of shop\/web-1 10\.244\.0\.7[\s\S]* own\.example\./);
    assert.doesNotMatch(shown({ of: "shop/web-1 10.244.0.7" }), /a\.example/);
    assert.match(shown({ byNamespace: true }), /> NAMESPACES by[\s\S]*10% +13 {2}shop\s/);
    assert.match(shown({ filter: { clients: "web", names: "" }, editing: { before: "" } }), /second {3}\/web_/);
    assert.match(shown({ help: true }), /Any key goes back/);
  });

  it("fits every terminal", () => {
    const sizes = fc.record({ columns: fc.integer({ min: 1, max: 250 }), rows: fc.integer({ min: 1, max: 60 }) });
    const states = fc.record({
      focus: fc.constantFrom("clients" as const, "names" as const),
      help: fc.boolean(),
      byNamespace: fc.boolean(),
      line: fc.record({ clients: fc.nat(300), names: fc.nat(300) }),
    });
    fc.assert(
      fc.property(sizes, states, (size, state) => {
        const { lines } = screenOf(two, { ...firstState(1000), ...state }, size, true, undefined);
        assert.ok(lines.length <= size.rows);
        for (const line of lines) assert.ok(lineText(line, size.columns, false).length <= size.columns);
      }),
    );
  });

  it("lets nothing from outside speak to the terminal", () => {
    const evil = figuresOf(undefined, snapshot({ host: "\u001B]0;x\u0007\u001B[2J" }));
    const controls = /(?!\n)\p{Cc}/u;
    assert.match("\u001B", controls);
    assert.doesNotMatch(shown({}, WIDE, evil), controls);
    assert.doesNotMatch(plainText(evil, firstState(1000)), controls);
  });

  it("is text without a terminal", () => {
    const text = plainText(two, firstState(1000));
    assert.match(text, /^Nodens 1\.2\.3/);
    assert.match(text, /NAMESPACES by queries per second\n.*NAMESPACE\n.* shop\n/);
    assert.match(text, /\n {5}2\.5 {9}10 {3}10% {5}0% {2}b\.example\.\n/);
  });
});
