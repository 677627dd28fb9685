import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  frame,
  respond,
  type Script,
  type ScriptedUpstream,
  silence,
  startUpstream,
  type UpstreamQuery,
} from "../../../test/support/scripted-upstream.ts";
import { type Exchange, openExchange, type Outcome } from "../../../test/support/upstream-exchange.ts";
import type { GroupConfig } from "./open-group.ts";
import { CONNECTIONS_MAX } from "./stream-pool.ts";

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});

async function upstream(script: Script): Promise<ScriptedUpstream> {
  const server = await startUpstream({ script, udp: false });
  opened.push(server);
  return server;
}

function exchange(server: { readonly port: number }, config: Partial<GroupConfig> = {}): Exchange {
  const made = openExchange([server.port], { forceTcp: true, ...config });
  opened.push(made);
  return made;
}

/** An A record whose last byte is the number in the name (`n7.example.`), 9 for other names. */
function numbered(query: UpstreamQuery): Uint8Array {
  const last = Number(/^n(\d+)\./.exec(query.name)?.[1] ?? 9);
  return respond(query, { answers: [{ type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, last) }], opt: false });
}

const answering: Script = (query) => ({ reply: numbered(query) });

function lastByte(outcome: Outcome): number | undefined {
  assert.ok(outcome.message, `no message but ${outcome.error?.message}`);
  return outcome.message.at(-1);
}

describe("TCP to an upstream", () => {
  it("keeps one connection for questions one after another", async () => {
    const server = await upstream(answering);
    const { ask, count } = exchange(server);
    for (let i = 2; i < 7; i++) assert.equal(lastByte(await ask(`n${i}.example.`)), i);
    assert.equal(server.connectionsAccepted, 1);
    assert.equal(count("coredns_proxy_conn_cache_misses_total", { proto: "tcp" }), 1);
    assert.equal(count("coredns_proxy_conn_cache_hits_total", { proto: "tcp" }), 4);
  });

  it("leaves an endpoint that is said to have gone at once, and asks again what waits there", async () => {
    let isGone = false;
    const server = await upstream((query) => {
      if (isGone) return { reply: numbered(query) };
      return query.name === "n1.example." ? { reply: numbered(query) } : { delayMs: 60_000 };
    });
    const { ask, group } = exchange(server);
    assert.equal(lastByte(await ask("n1.example.")), 1);
    const waiting = ask("n2.example.");
    await delay(50);
    isGone = true;
    assert.equal(group.renew("127.0.0.2"), 0);
    assert.equal(group.renew("127.0.0.1"), 1);
    assert.equal(lastByte(await waiting), 2);
    assert.equal(lastByte(await ask("n3.example.")), 3);
    assert.equal(server.connectionsAccepted, 2);
  });

  it("pipelines, and takes the answers in any order", async () => {
    const held: { query: UpstreamQuery; resolve: (reaction: { reply: Uint8Array }) => void }[] = [];
    const server = await upstream((query) => new Promise((resolve) => held.push({ query, resolve })));
    const { ask } = exchange(server);
    const asking = Promise.all([2, 3, 4, 5, 6].map((n) => ask(`n${n}.example.`)));
    await server.untilQueries(5);
    assert.equal(server.connectionsAccepted, 1);
    for (const { query, resolve } of held.toReversed()) resolve({ reply: numbered(query) });
    assert.deepEqual((await asking).map(lastByte), [2, 3, 4, 5, 6]);
  });

  it("opens more connections under load, up to a bound", async () => {
    const server = await upstream(silence());
    const { ask } = exchange(server);
    for (let i = 0; i < 400; i++) void ask(`n${i}.example.`);
    await server.untilQueries(400);
    assert.equal(server.connectionsAccepted, CONNECTIONS_MAX);
  });

  it("takes a stream in pieces of any size", async () => {
    // The end of the first answer comes with the second.
    let rest = new Uint8Array(0);
    const server = await upstream((query) => {
      const bytes = frame(numbered(query));
      const raw = Uint8Array.from([...rest, ...bytes.subarray(0, query.name === "n3.example." ? undefined : 20)]);
      rest = bytes.slice(20);
      return { raw };
    });
    const { ask } = exchange(server);
    const first = ask("n2.example.");
    await server.untilQueries(1);
    assert.equal(lastByte(await ask("n3.example.")), 3);
    assert.equal(lastByte(await first), 2);
  });

  it("ignores another id and another question on a connection", async () => {
    const server = await upstream((query) => ({
      reply: [
        respond(query, { id: query.id ^ 1 }),
        Uint8Array.from(numbered(query), (byte, at) => (at === 13 ? byte ^ 1 : byte)),
        numbered(query),
      ],
    }));
    const { ask, count } = exchange(server);
    assert.equal(lastByte(await ask("n3.example.")), 3);
    assert.equal(count("nodens_upstream_replies_ignored_total", { reason: "id" }), 1);
    assert.equal(count("nodens_upstream_replies_ignored_total", { reason: "question" }), 1);
    assert.equal(server.queries.length, 1);
  });

  it("asks again on a new connection when the peer closed the old one", async () => {
    for (const how of ["end", "reset"] as const) {
      const server = await upstream(answering);
      const { ask } = exchange(server);
      assert.equal(lastByte(await ask("n2.example.")), 2);
      server.closeConnections(how);
      assert.equal(lastByte(await ask("n3.example.")), 3);
      assert.equal(server.connectionsAccepted, 2);
    }
  });

  it("asks again once when the peer closes instead of answering, all that were on their way", async () => {
    const server = await upstream((query) => (query.connection === 1 ? { close: true } : { reply: numbered(query) }));
    const { ask, count } = exchange(server);
    const outcomes = await Promise.all([2, 3, 4].map((n) => ask(`n${n}.example.`)));
    assert.deepEqual(outcomes.map(lastByte), [2, 3, 4]);
    assert.equal(server.connectionsAccepted, 2);
    assert.equal(count("nodens_upstream_failures_total"), 0);
  });

  it("fails when the peer goes on closing", async () => {
    const server = await upstream((query) => ({ raw: frame(numbered(query)).subarray(0, 9), close: true }));
    const { ask } = exchange(server);
    const { error } = await ask("n2.example.");
    assert.equal(error?.kind, "closed");
    assert.match(error?.message ?? "", /^read tcp 127\.0\.0\.1:\d+: EOF$/);
    assert.equal(server.queries.length, 4);
  });

  it("leaves a connection whose peer breaks the framing", async () => {
    const server = await upstream((query) =>
      query.connection === 1 ? { raw: Uint8Array.of(0, 0) } : { reply: numbered(query) },
    );
    assert.equal(lastByte(await exchange(server).ask("n2.example.")), 2);
  });

  it("leaves a connection that has gone silent, and asks again over another", async () => {
    const server = await upstream((query) =>
      query.connection === 1 && query.name !== "n2.example." ? {} : { reply: numbered(query) },
    );
    const { ask, clock } = exchange(server);
    assert.equal(lastByte(await ask("n2.example.")), 2);
    const asking = ask("n3.example.");
    await server.untilQueries(2);
    clock.advanceMs(600);
    assert.equal(lastByte(await asking), 3);
    assert.equal(lastByte(await ask("n4.example.")), 4);
    assert.equal(server.connectionsAccepted, 2);
    await until(() => server.connectionsOpen === 1);
  });

  it("keeps a connection that answers others while one question is slow", async () => {
    const server = await upstream((query) => (query.name === "n2.example." ? {} : { reply: numbered(query) }));
    const { ask, clock } = exchange(server);
    const slow = ask("n2.example.");
    await server.untilQueries(1);
    clock.advanceMs(5);
    assert.equal(lastByte(await ask("n3.example.")), 3);
    clock.advanceMs(600);
    await server.untilQueries(3);
    clock.advanceMs(4000);
    assert.equal((await slow).error?.kind, "timeout");
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(server.queries.some(({ connection, name }) => connection === 1 && name === "n3.example."));
    assert.equal(server.connectionsOpen, server.connectionsAccepted);
  });

  it("opens another connection while the only one stalls", async () => {
    const server = await upstream((query) => (query.name === "n2.example." ? {} : { reply: numbered(query) }));
    const { ask, clock } = exchange(server);
    void ask("n2.example.");
    await server.untilQueries(1);
    clock.advanceMs(50);
    assert.equal(lastByte(await ask("n3.example.")), 3);
    assert.equal(server.connectionsAccepted, 2);
  });

  it("takes a message of 64 KiB", async () => {
    const rdata = new Uint8Array(65_000);
    const server = await upstream((query) => ({
      reply: respond(query, { answers: [{ type: 65_400, ttl: 60, rdata }], opt: false }),
    }));
    const { message } = await exchange(server).ask("big.example.", "TYPE65400");
    assert.ok(message && message.length > 65_000);
  });

  it("uses an idle connection for expire, no longer", async () => {
    const server = await upstream(answering);
    const { ask, clock } = exchange(server, { limits: { expireMs: 1000, maxAgeMs: 0, maxIdle: 0 } });
    await ask("n2.example.");
    clock.advanceMs(900);
    await ask("n3.example.");
    assert.equal(server.connectionsAccepted, 1);
    clock.advanceMs(1100);
    await ask("n4.example.");
    assert.equal(server.connectionsAccepted, 2);
    await until(() => server.connectionsOpen === 1);
  });

  it("closes idle connections by itself", async () => {
    const server = await upstream(answering);
    const { ask, clock, group } = exchange(server);
    await ask("n2.example.");
    clock.advanceMs(11_000);
    group.sweep();
    await until(() => server.connectionsOpen === 0);
  });

  it("gives a connection no question after max_age", async () => {
    const server = await upstream(answering);
    const { ask, clock } = exchange(server, { limits: { expireMs: 10_000, maxAgeMs: 3000, maxIdle: 0 } });
    for (let i = 2; i < 8; i++) {
      await ask(`n${i}.example.`);
      clock.advanceMs(1000);
    }
    assert.equal(server.connectionsAccepted, 2);
  });

  it("keeps max_idle_conns idle connections", async () => {
    const held: (() => void)[] = [];
    const server = await upstream(
      (query) => new Promise((resolve) => held.push(() => resolve({ reply: numbered(query) }))),
    );
    const { ask } = exchange(server, { limits: { expireMs: 10_000, maxAgeMs: 0, maxIdle: 1 } });
    const asking = Promise.all(Array.from({ length: 200 }, (_, i) => ask(`n${i}.example.`)));
    await server.untilQueries(200);
    assert.ok(server.connectionsAccepted > 2);
    for (const answer of held) answer();
    await asking;
    await until(() => server.connectionsOpen === 1);
  });

  it("answers questions in flight before it closes", async () => {
    let answer: (() => void) | undefined;
    const server = await upstream(
      (query) =>
        new Promise((resolve) => {
          answer = () => resolve({ reply: numbered(query) });
        }),
    );
    const { ask, group } = exchange(server);
    const asking = ask("n2.example.");
    await server.untilQueries(1);
    const closing = group.close();
    answer?.();
    assert.equal(lastByte(await asking), 2);
    await closing;
    await until(() => server.connectionsOpen === 0);
    assert.equal((await ask("n3.example.")).error?.kind, "busy");
  });
});

describe("the transport of a question", () => {
  it("is the client's, unless force_tcp or prefer_udp says otherwise", async () => {
    const server = await startUpstream({ script: answering });
    opened.push(server);
    for (const [config, expected] of [
      [{ forceTcp: false, preferUdp: false }, ["udp", "tcp"]],
      [{ forceTcp: true, preferUdp: false }, ["tcp", "tcp"]],
      [{ forceTcp: false, preferUdp: true }, ["udp", "udp"]],
      [{ forceTcp: true, preferUdp: true }, ["tcp", "tcp"]],
    ] as const) {
      const { ask } = exchange(server, config);
      const before = server.queries.length;
      await ask("n2.example.");
      await ask("n3.example.", "A", { transport: "tcp" });
      assert.deepEqual(
        server.queries.slice(before).map(({ transport }) => transport),
        expected,
      );
    }
  });
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 2000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "waited too long");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
