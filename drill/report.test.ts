import assert from "node:assert/strict";
import { it } from "node:test";
import { parseOptions } from "./options.ts";
import { renderReport, wentWell, type Outcome } from "./report.ts";
import type { Share } from "./summary.ts";

const SHARE: Share = {
  sent: 1000,
  answered: 1000,
  lost: 0,
  wrong: 0,
  servfail: 0,
  refused: 0,
  p50Ms: 0.2,
  p99Ms: 22,
  worstMs: 83.25,
};
const KEPT = { questions: 9, answered: 8, failures: 0, ends: 2, unansweredAtEnd: 1, failed: 0 };
const GOOD: Outcome = {
  options: parseOptions(["kill-server"]),
  hasKeeper: true,
  summary: { all: SHARE, hits: SHARE, misses: SHARE, late: 0, worstGapMs: 50, worstGapAtMs: 1700 },
  harms: [
    { atMs: 1000, label: "kill -9", nextAnswerMs: 400 },
    { atMs: 1700, label: "kill -9", nextAnswerMs: 300 },
    { atMs: 2400, label: "kill -9" },
  ],
  missed: 2,
  restarts: 0,
  gapsMs: [300, 400, 350],
  resources: [],
  tcp: { connections: 10, answered: 9, failures: 0, cut: 1, failed: 0, worstMs: 300, kept: KEPT },
  upstream: { hot: 0, misses: 52, overrun: 0 },
  load: { repeated: 4, stray: 0, refused: 0, unsent: 0, overflown: 0, ownPauseMs: 3 },
  serverDrops: 0,
};

it("goes well when nothing is lost, though connections are cut and misses fail", () => {
  assert.ok(wentWell(GOOD));
  assert.ok(wentWell({ ...GOOD, summary: { ...GOOD.summary, misses: { ...SHARE, servfail: 9 } } }));
});

for (const [title, change] of [
  ["a query is lost", { summary: { ...GOOD.summary, all: { ...SHARE, lost: 1 } } }],
  ["an answer is wrong", { summary: { ...GOOD.summary, all: { ...SHARE, wrong: 1 } } }],
  ["a cached name gets SERVFAIL", { summary: { ...GOOD.summary, hits: { ...SHARE, servfail: 1 } } }],
  ["an answer comes to no query", { load: { ...GOOD.load, stray: 1 } }],
  ["a new connection fails", { tcp: { ...GOOD.tcp, failed: 1 } as Outcome["tcp"] }],
  ["a harm leaves something undone", { harms: [{ atMs: 1, label: "upgrade", problem: "nothing was handed over" }] }],
] satisfies [string, Partial<Outcome>][]) {
  it(`does not go well when ${title}`, () => assert.ok(!wentWell({ ...GOOD, ...change })));
}

it("tells all that was counted", () => {
  const text = renderReport(GOOD);
  for (const line of [
    /^kill-server: 60 s at 20000 queries\/s, 5 % misses/,
    /^\| sent +\| +1000 \| +1000 \| +1000 \|$/m,
    /^\| worst ms +\| +83\.3 \|/m,
    /^worst gap without any answer: 50\.0 ms, from 1\.70 s on$/m,
    /^harms: 3, and 2 times there was nobody to harm$/m,
    /after 300 ms \(median\), 400 ms \(worst\), 2 of 3 times$/m,
    /^upstream: hot names asked for again 0 times; 52 queries for 1000 misses$/m,
    /^TCP, new connections: 10, answered 9, SERVFAIL 0, cut by a harm 1, failed 0/m,
  ]) {
    assert.match(text, line);
  }
  assert.doesNotMatch(text, /NOT THE SERVER|no keeper|PROBLEM/);
});

it("says so when the loss may be its own, and when something went wrong", () => {
  const load = { ...GOOD.load, overflown: 3 };
  const harms = [{ atMs: 1000, label: "upgrade", problem: "the old one ended with 1" }];
  const text = renderReport({ ...GOOD, load, harms, hasKeeper: false, restarts: 4, serverDrops: 5 });
  assert.match(text, /NOT THE SERVER'S FAULT: the load could not send 0, had no room for 3 answers/);
  assert.match(text, /^PROBLEM at 1\.00 s, upgrade: the old one ended with 1$/m);
  assert.match(text, /started again by the drill: 4 times \(no keeper\)/);
  assert.match(text, /socket buffer: 5$/m);
});
