import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  answerA,
  inTurn,
  refused,
  respond,
  type Script,
  type ScriptedUpstream,
  servfail,
  silence,
  startUpstream,
  truncatedOverUdp,
  type UpstreamQuery,
  withRcode,
} from "../../../test/support/scripted-upstream.ts";
import { type Exchange, openExchange, type Outcome } from "../../../test/support/upstream-exchange.ts";
import type { GroupConfig } from "./open-group.ts";

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});

async function upstream(script: Script, tcp = true): Promise<ScriptedUpstream> {
  const server = await startUpstream({ script, tcp });
  opened.push(server);
  return server;
}

function exchange(servers: readonly { readonly port: number }[], config: Partial<GroupConfig> = {}): Exchange {
  const made = openExchange(
    servers.map(({ port }) => port),
    config,
  );
  opened.push(made);
  return made;
}

/** A port where nobody listens. */
async function deadPort(): Promise<{ port: number }> {
  const server = await startUpstream();
  await server.close();
  return { port: server.port };
}

function rcode(outcome: Outcome): number {
  assert.ok(outcome.message, `no message but ${outcome.error?.message}`);
  return (outcome.message[3] ?? 0) & 15;
}

/** Last byte of the message: of the address, when it ends in an A record without OPT. Without records it is 1 (IN). */
function lastByte(outcome: Outcome): number | undefined {
  assert.ok(outcome.message, `no message but ${outcome.error?.message}`);
  return outcome.message.at(-1);
}

const plainA =
  (last: number, response: { id?: number } = {}): Script =>
  (query) => ({ reply: plainReply(query, last, response) });

function plainReply(query: UpstreamQuery, last: number, response: { id?: number } = {}): Uint8Array {
  const answers = [{ type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, last) }];
  return respond(query, { answers, opt: false, ...response });
}

describe("a question to an upstream", () => {
  it("carries the client's spelling, RD, CD, AD and DO, an OPT of our own, and a new id", async () => {
    const server = await upstream(answerA("192.0.2.1", 60));
    const { ask } = exchange([server]);
    await ask("wWw.Example.org.", "A", { id: 7, checkingDisabled: true, dnssecOk: true, udpSize: 4096 });
    const [query] = server.queries;
    assert.ok(query);
    assert.equal(query.name, "wWw.Example.org.");
    assert.equal(query.flags, 0x0110);
    assert.equal(query.dnssecOk, true);
    assert.deepEqual(
      [...query.wire.subarray(query.questionEnd)],
      [0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, 0x80, 0, 0, 0],
    );
  });

  it("goes out with ids and ports that change", async () => {
    const server = await upstream(answerA("192.0.2.1", 60));
    const { ask } = exchange([server]);
    for (let i = 0; i < 10; i++) await ask(`n${i}.example.`);
    assert.ok(new Set(server.queries.map((q) => q.id)).size > 8);
    assert.ok(new Set(server.queries.map((q) => q.remotePort)).size > 8);
  });

  it("is asked once for twenty who want it at once, and all get the answer", async () => {
    const server = await upstream(plainA(9));
    const { ask, count } = exchange([server]);
    const asking = Array.from({ length: 20 }, (_, i) => ask(i % 2 === 0 ? "a.example." : "A.EXAMPLE."));
    const outcomes = await Promise.all(asking);
    assert.equal(server.queries.length, 1);
    assert.deepEqual(
      outcomes.map(lastByte),
      Array.from({ length: 20 }, () => 9),
    );
    assert.equal(count("nodens_coalesced_queries_total"), 19);
    assert.equal(count("nodens_upstream_in_flight"), 0);
  });

  it("is another question when type, DO, CD or RD differ", async () => {
    const server = await upstream(answerA("192.0.2.1", 60));
    const { ask } = exchange([server]);
    await Promise.all([
      ask("a.example."),
      ask("a.example.", "AAAA"),
      ask("a.example.", "A", { dnssecOk: true }),
      ask("a.example.", "A", { checkingDisabled: true }),
      ask("a.example.", "A", { recursionDesired: false }),
    ]);
    assert.equal(server.queries.length, 5);
  });
});

describe("replies over UDP", () => {
  const cases: readonly (readonly [string, string, (query: UpstreamQuery) => Uint8Array])[] = [
    ["another id and another question", "id", (q) => flipped(plainReply(q, 6), [0, 13])],
    ["another name", "question", (q) => flipped(plainReply(q, 6), [13])],
    ["another type", "question", (q) => flipped(plainReply(q, 6), [q.questionEnd - 3])],
    ["another class", "question", (q) => flipped(plainReply(q, 6), [q.questionEnd - 1])],
    ["our own query", "not_response", (q) => q.wire],
    ["3 bytes", "short", (q) => q.wire.slice(0, 3)],
    ["11 bytes", "short", (q) => q.wire.slice(0, 11)],
    ["nothing", "short", () => new Uint8Array(0)],
    ["half a message", "malformed", (q) => plainReply(q, 6).slice(0, -3)],
    ["more records announced than there are", "malformed", (q) => flipped(plainReply(q, 6), [7], 2)],
    ["opcode NOTIFY", "opcode", (q) => flipped(plainReply(q, 6), [2], 0x20)],
    [
      "a bare header with SERVFAIL",
      "question",
      (q) => Uint8Array.of(q.id >> 8, q.id & 255, 0x81, 0x82, 0, 0, 0, 0, 0, 0, 0, 0),
    ],
  ];
  for (const [what, reason, wrong] of cases) {
    it(`wait on after ${what}`, async () => {
      const server = await upstream((query) => ({ reply: [wrong(query), plainReply(query, 9)] }));
      const { ask, count } = exchange([server]);
      assert.equal(lastByte(await ask("www.example.")), 9);
      assert.equal(server.queries.length, 1);
      assert.equal(count("nodens_upstream_replies_ignored_total", { reason }), 1);
    });
  }

  it("may spell the name in another case", async () => {
    const server = await upstream((query) => ({ reply: flipped(plainReply(query, 9), [13], 0x20) }));
    assert.equal(lastByte(await exchange([server]).ask("www.example.")), 9);
  });

  it("count once when they come twice", async () => {
    const server = await upstream((query) => ({ reply: [plainReply(query, 9), plainReply(query, 6)] }));
    const { ask, count } = exchange([server]);
    assert.equal(lastByte(await ask("www.example.")), 9);
    assert.equal(lastByte(await ask("ww2.example.")), 9);
    assert.equal(count("coredns_proxy_request_duration_seconds"), 2);
  });

  it("from another port than the one asked are never seen", async () => {
    const server = await upstream(inTurn(silence(), plainA(9)));
    server.use((query) =>
      query.count === 1 ? { reply: plainReply(query, 6), fromOtherPort: true } : { reply: plainReply(query, 9) },
    );
    const { ask, clock } = exchange([server]);
    const asking = ask("www.example.");
    await server.untilQueries(1);
    clock.advanceMs(600);
    assert.equal(lastByte(await asking), 9);
  });

  it("are handed on without their OPT, wherever it stands, and its extended error apart", async () => {
    const opt = (query: UpstreamQuery, data: readonly number[], last: boolean): Uint8Array => {
      const option = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, data.length, ...data];
      const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9];
      const reply = [...plainReply(query, 9), ...(last ? [...record, ...option] : [...option, ...record])];
      reply[11] = 2;
      return Uint8Array.from(reply);
    };
    const error = [0, 15, 0, 4, 0, 15, 0x68, 0x69];
    for (const last of [true, false]) {
      const server = await upstream((query) => ({ reply: opt(query, error, last) }));
      const outcome = await exchange([server]).ask("www.example.");
      assert.equal(outcome.message?.[11], 1);
      assert.equal(outcome.message.includes(41, 12), false);
      assert.equal(lastByte(outcome), 9);
      assert.deepEqual(outcome.extended, { code: 15, text: "hi" });
    }
  });

  it("are handed on without AA and records of other names, or as they were sent", async () => {
    const server = await upstream((query) => {
      const record = { type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 9) };
      const stray = { ...record, owner: "bank.example.", rdata: Uint8Array.of(203, 0, 113, 66) };
      return { reply: respond(query, { flags: 0x0400, answers: [record, stray], additional: [stray] }) };
    });
    for (const relaysAsSent of [false, true]) {
      const { message } = await exchange([server], { relaysAsSent }).ask("www.example.");
      assert.deepEqual([...(message?.subarray(6, 12) ?? [])], relaysAsSent ? [0, 2, 0, 0, 0, 1] : [0, 1, 0, 0, 0, 0]);
      assert.equal(((message?.[2] ?? 0) & 0x04) !== 0, relaysAsSent);
    }
  });

  it("with a code that only an OPT can say are a failure", async () => {
    const server = await upstream((query) => {
      const reply = respond(query, { rcode: 7, opt: true });
      reply[reply.length - 6] = 1;
      return { reply };
    });
    assert.equal((await exchange([server]).ask("www.example.")).error?.kind, "protocol");
  });

  it("that come late do not answer the next question", async () => {
    let late: (() => void) | undefined;
    const first: Script = (query) =>
      new Promise((resolve) => {
        late = () => resolve({ reply: plainReply(query, 6) });
      });
    const server = await upstream(first);
    const { ask, clock } = exchange([server], { maxConnectAttempts: 1 });
    const asking = ask("www.example.");
    await server.untilQueries(1);
    clock.advanceMs(4000);
    assert.equal((await asking).error?.kind, "timeout");
    server.use((query) => ({ reply: plainReply(query, 9), delayMs: 30 }));
    const again = ask("www.example.");
    await server.untilQueries(2);
    late?.();
    assert.equal(lastByte(await again), 9);
  });

  it("with a wrong id make it ask over another port, then over TCP", async () => {
    const wrongId: Script = (query) => ({
      reply: query.transport === "tcp" ? plainReply(query, 9) : plainReply(query, 6, { id: query.id ^ 1 }),
    });
    const server = await upstream(wrongId);
    const { ask, count } = exchange([server]);
    assert.equal(lastByte(await ask("www.example.")), 9);
    assert.deepEqual(
      server.queries.map((q) => q.transport),
      ["udp", "udp", "tcp"],
    );
    assert.notEqual(server.queries[0]?.remotePort, server.queries[1]?.remotePort);
    assert.equal(count("nodens_upstream_replies_ignored_total", { reason: "near_miss" }), 2);
  });

  it("with a wrong id before each right one are waited through when there is no TCP", async () => {
    const server = await upstream(
      (query) => ({ reply: [plainReply(query, 6, { id: query.id ^ 1 }), plainReply(query, 9)] }),
      false,
    );
    assert.equal(lastByte(await exchange([server]).ask("www.example.")), 9);
  });

  it("with TC are asked for again over TCP, and their records never used", async () => {
    const server = await upstream((query) => ({
      reply:
        query.transport === "tcp"
          ? plainReply(query, 9)
          : respond(query, { flags: 0x0200, answers: [{ type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 6) }] }),
    }));
    const { ask, count } = exchange([server]);
    const outcome = await ask("www.example.");
    assert.equal(lastByte(outcome), 9);
    assert.equal((outcome.message?.[2] ?? 0) & 2, 0);
    assert.equal(count("nodens_upstream_truncated_total"), 1);
  });

  it("with TC from an upstream without TCP end in a failure, soon", async () => {
    const server = await upstream(truncatedOverUdp(silence()), false);
    assert.equal((await exchange([server]).ask("www.example.")).error?.kind, "refused");
  });
});

describe("an upstream that cannot read EDNS", () => {
  for (const [what, script] of [
    ["FORMERR", (q) => ({ reply: respond(q, { rcode: 1, opt: false }) })],
    ["NOTIMP", (q) => ({ reply: respond(q, { rcode: 4, opt: false }) })],
    [
      "a bare header with FORMERR",
      (q) => ({ reply: Uint8Array.of(q.id >> 8, q.id & 255, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0) }),
    ],
    ["BADVERS", (q) => ({ reply: badVersion(q) })],
  ] as const satisfies readonly (readonly [string, Script])[]) {
    it(`and says ${what} is asked without, and remembered`, async () => {
      const server = await upstream((query) => (query.dnssecOk === undefined ? plainA(9)(query) : script(query)));
      const { ask, count } = exchange([server]);
      assert.equal(lastByte(await ask("www.example.")), 9);
      assert.equal(lastByte(await ask("ww2.example.")), 9);
      assert.deepEqual(
        server.queries.map((q) => q.dnssecOk !== undefined),
        [true, false, false],
      );
      assert.equal(count("nodens_upstream_edns_fallbacks_total"), 1);
    });
  }

  it("is believed when it says FORMERR to the plain query too", async () => {
    const server = await upstream((query) => ({ reply: respond(query, { rcode: 1, opt: false }) }));
    const { ask } = exchange([server]);
    assert.equal(rcode(await ask("www.example.")), 1);
    assert.equal(rcode(await ask("ww2.example.")), 1);
    assert.deepEqual(
      server.queries.map((q) => q.dnssecOk !== undefined),
      [true, false, true, false],
    );
  });

  it("and never says more than a bare header has failed", async () => {
    const server = await upstream((q) => ({
      reply: Uint8Array.of(q.id >> 8, q.id & 255, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0),
    }));
    assert.equal((await exchange([server]).ask("www.example.")).error?.kind, "protocol");
  });

  it("but sends an OPT with its FORMERR can read EDNS", async () => {
    const server = await upstream(withRcode(1));
    assert.equal(rcode(await exchange([server]).ask("www.example.")), 1);
    assert.equal(server.queries.length, 1);
  });
});

describe("an upstream that fails", () => {
  it("by silence is asked again after 500 ms, and given up before 4.5 s", async () => {
    const server = await upstream(silence());
    const { ask, clock } = exchange([server], { maxConnectAttempts: 0 });
    const asking = ask("www.example.");
    await server.untilQueries(1);
    clock.advanceMs(490);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(server.queries.length, 1);
    clock.advanceMs(30);
    await server.untilQueries(2);
    clock.advanceMs(800);
    await server.untilQueries(3);
    clock.advanceMs(2700);
    const { error } = await asking;
    assert.equal(error?.kind, "timeout");
    assert.match(error?.message ?? "", /^read udp 127\.0\.0\.1:\d+: i\/o timeout$/);
    assert.equal(server.queries.length, 3);
  });

  it("by silence gives way to the next, and is then asked last", async () => {
    const dead = await upstream(silence());
    const alive = await upstream(plainA(2));
    const { ask, clock, count } = exchange([dead, alive]);
    const asking = ask("www.example.");
    await dead.untilQueries(1);
    clock.advanceMs(600);
    assert.equal(lastByte(await asking), 2);
    assert.equal(lastByte(await ask("ww2.example.")), 2);
    assert.equal(dead.queries.length, 1);
    assert.equal(count("nodens_upstream_retries_total"), 1);
  });

  it("late still answers when it answers first", async () => {
    let late: (() => void) | undefined;
    const slow = await upstream(
      (query) =>
        new Promise((resolve) => {
          late = () => resolve({ reply: plainReply(query, 9) });
        }),
    );
    const dead = await upstream(silence());
    const { ask, clock } = exchange([slow, dead]);
    const asking = ask("www.example.");
    await slow.untilQueries(1);
    clock.advanceMs(600);
    await dead.untilQueries(1);
    late?.();
    assert.equal(lastByte(await asking), 9);
  });

  it("by refusal gives way at once", async () => {
    const alive = await upstream(plainA(2));
    const { ask } = exchange([await deadPort(), alive]);
    assert.equal(lastByte(await ask("www.example.")), 2);
    const overTcp = exchange([await deadPort(), alive], { forceTcp: true });
    assert.equal(lastByte(await overTcp.ask("ww2.example.")), 2);
  });

  it("by refusal alone fails at once, after max_connect_attempts", async () => {
    const dead = await deadPort();
    for (const [maxConnectAttempts, attempts] of [
      [1, 1],
      [2, 2],
      [0, 3],
    ] as const) {
      for (const forceTcp of [false, true]) {
        const { ask, count } = exchange([dead], { maxConnectAttempts, forceTcp });
        assert.equal((await ask("www.example.")).error?.kind, "refused");
        assert.equal(count("nodens_upstream_failures_total"), attempts);
      }
    }
  });

  it("with SERVFAIL or REFUSED is believed", async () => {
    const failing = await upstream(servfail());
    const alive = await upstream(plainA(2));
    const { ask } = exchange([failing, alive]);
    assert.equal(rcode(await ask("www.example.")), 2);
    failing.use(refused());
    assert.equal(rcode(await ask("ww2.example.")), 5);
    assert.equal(alive.queries.length, 0);
  });

  it("with a rcode of failover gives way to the next", async () => {
    const failing = await upstream(servfail());
    const refusing = await upstream(refused());
    const alive = await upstream(plainA(3));
    const { ask } = exchange([failing, refusing, alive], { failoverRcodes: new Set([2, 5]) });
    assert.equal(lastByte(await ask("www.example.")), 3);
  });

  it("with a rcode of failover is believed when it is the last", async () => {
    const failing = await upstream(servfail());
    const refusing = await upstream(refused());
    const { ask } = exchange([failing, refusing], { failoverRcodes: new Set([2, 5]) });
    assert.equal(rcode(await ask("www.example.")), 5);
    assert.equal(failing.queries.length, 1);
  });

  it("with a rcode of failover is believed when the others are silent", async () => {
    const failing = await upstream(servfail());
    const dead = await upstream(silence());
    const { ask, clock } = exchange([failing, dead], { failoverRcodes: new Set([2]) });
    const asking = ask("www.example.");
    await dead.untilQueries(1);
    clock.advanceMs(4000);
    assert.equal(rcode(await asking), 2);
  });
});

describe("policies", () => {
  async function firstBytes(policy: GroupConfig["policy"], count: number): Promise<(number | undefined)[]> {
    const servers = await Promise.all([1, 2, 3].map((last) => upstream(plainA(last))));
    const { ask } = exchange(servers, { policy });
    const bytes: (number | undefined)[] = [];
    for (let i = 0; i < count; i++) bytes.push(lastByte(await ask(`n${i}.example.`)));
    return bytes;
  }

  it("sequential asks the first", async () => {
    assert.deepEqual(await firstBytes("sequential", 4), [1, 1, 1, 1]);
  });

  it("round_robin asks one after another", async () => {
    assert.deepEqual(await firstBytes("round_robin", 6), [2, 3, 1, 2, 3, 1]);
  });

  it("random asks them all", async () => {
    // The chance that 60 draws of three miss one is below 10^-9.
    assert.equal(new Set(await firstBytes("random", 60)).size, 3);
  });
});

describe("health checks", () => {
  const probe = { intervalMs: 500, recursionDesired: true, domain: "." };

  it("begin after a failure, end with any reply, and take an upstream out while they fail", async () => {
    const failing = await upstream(silence());
    const alive = await upstream(plainA(2));
    const { ask, clock, group, count } = exchange([failing, alive], { probe, maxFails: 1 });
    const asking = ask("www.example.");
    await failing.untilQueries(1);
    assert.equal(failing.queries.length, 1);
    clock.advanceMs(600);
    assert.equal(lastByte(await asking), 2);
    for (let probes = 1; probes <= 2; probes++) {
      await failing.untilQueries(1 + probes);
      clock.advanceMs(1100);
      await until(() => count("coredns_proxy_healthcheck_failures_total") === probes);
      clock.advanceMs(600);
    }
    const [last] = failing.queries.slice(-1);
    assert.equal(`${last?.name} ${last?.type} ${last?.flags}`, ". 2 256");
    await until(() => group.servers[0]?.isDown(1) === true);
    clock.advanceMs(5000);
    const before = failing.queries.filter((q) => q.type === 1).length;
    assert.equal(lastByte(await ask("ww2.example.")), 2);
    assert.equal(failing.queries.filter((q) => q.type === 1).length, before);

    failing.use((query) => (query.type === 2 ? { reply: respond(query, { rcode: 5 }) } : plainA(9)(query)));
    await until(() => {
      clock.advanceMs(700);
      return group.servers[0]?.fails === 0;
    });
    assert.equal(lastByte(await ask("ww3.example.")), 9);
  });

  it("are not made with max_fails 0", async () => {
    const failing = await upstream(silence());
    const { ask, clock } = exchange([failing], { probe, maxFails: 0 });
    const asking = ask("www.example.");
    await failing.untilQueries(1);
    clock.advanceMs(4000);
    await asking;
    assert.equal(failing.queries.filter((q) => q.type === 2).length, 0);
  });

  it("go over TCP with force_tcp, without RD and for another name when told so", async () => {
    const failing = await upstream(silence());
    const settings = { intervalMs: 500, recursionDesired: false, domain: "example.org." };
    const { ask, clock } = exchange([failing], { probe: settings, forceTcp: true });
    void ask("www.example.");
    await failing.untilQueries(1);
    clock.advanceMs(600);
    await until(() => failing.queries.some((q) => q.type === 2));
    const found = failing.queries.find((q) => q.type === 2);
    assert.equal(`${found?.name} ${found?.transport} ${found?.flags}`, "example.org. tcp 0");
  });

  it("that fail everywhere are not believed, unless failfast says so", async () => {
    const servers = await Promise.all([1, 2].map((last) => upstream(plainA(last))));
    for (const failfast of [false, true]) {
      const { ask, group, count } = exchange(servers, { failfast });
      for (const server of group.servers) server.fails = 3;
      const outcome = await ask("www.example.");
      assert.equal(outcome.error?.kind, failfast ? "no-healthy" : undefined);
      assert.equal(count("coredns_forward_healthcheck_broken_total"), 1);
    }
  });
});

function flipped(message: Uint8Array, places: readonly number[], bits = 1): Uint8Array {
  const copy = Uint8Array.from(message);
  for (const at of places) copy[at] = (copy[at] ?? 0) ^ bits;
  return copy;
}

/** BADVERS: 16, of which the OPT says the upper part. */
function badVersion(query: UpstreamQuery): Uint8Array {
  const reply = respond(query, { opt: true });
  reply[reply.length - 6] = 1;
  return reply;
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 2000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "waited too long");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
