/**
 * TCP exhaustion (CVE-2025-30193 of dnsdist: any number of queries on one connection, one call deeper each): connections
 * that do nothing, send by drops, or do not read, until no one else gets one. The defence: bounds of connections in all
 * and of each client, of time at each stage, of answers that wait to be read, and a loop instead of recursion.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_TCP_LIMITS, type TcpLimits } from "../../src/server/stream/tcp-limits.ts";
import { askTcp, askUdp, queryFor, TcpClient } from "../support/dns-client.ts";
import { type PluginServer, pluginServer } from "../support/plugin-server.ts";
import { answerA, respond, type Script, truncatedOverUdp } from "../support/scripted-upstream.ts";

const COREFILE = ". {\n cache\n forward . 127.0.0.1:PORT\n}";
const CONNECTIONS = 32;
const PER_CLIENT = 8;
const PATIENCE_MS = 600;

const www = answerA("192.0.2.1", 60);

const bounds = { connections: CONNECTIONS, connectionsPerClient: PER_CLIENT };
/** For tests that wait until a time is over; with the usual ones a busy machine is no slow client. */
const impatient = {
  ...bounds,
  firstMessageMs: PATIENCE_MS,
  partialMessageMs: PATIENCE_MS,
  slowReaderMs: PATIENCE_MS,
};

async function serverWith(t: TestContext, tcpLimits: Partial<TcpLimits>, script: Script = www): Promise<PluginServer> {
  return await pluginServer(t, script, COREFILE, { server: { tcpLimits } });
}

/** A connection from an address of 127/8. */
async function connectFrom(t: TestContext, port: number, localAddress: string): Promise<TcpClient> {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  await Promise.race([once(socket, "connect"), once(socket, "close")]);
  return new TcpClient(socket);
}

async function askFrom(t: TestContext, port: number, localAddress: string): Promise<Uint8Array> {
  const client = await connectFrom(t, port, localAddress);
  client.send(queryFor("www.example.", 1));
  return await client.next(8000);
}

function answers(reply: Uint8Array): number {
  return ((reply[6] ?? 0) << 8) | (reply[7] ?? 0);
}

describe("TCP exhaustion", () => {
  it("by connections of one client ends at the client's bound; others are served", async (t) => {
    const { running } = await serverWith(t, bounds);
    const mine = await Promise.all(
      Array.from({ length: 3 * PER_CLIENT }, () => connectFrom(t, running.port, "127.0.0.2")),
    );
    assert.equal(answers(await askFrom(t, running.port, "127.0.0.3")), 1);
    const ends = await Promise.all(mine.slice(PER_CLIENT).map((client) => client.ended(8000)));
    assert.equal(ends.length, 2 * PER_CLIENT);
  });

  it("by idle connections of many clients: the longest idle one makes room", async (t) => {
    const { running } = await serverWith(t, bounds);
    for (let i = 0; i < CONNECTIONS; i++) {
      // Each asks once, to be there for long.
      const client = await connectFrom(t, running.port, `127.0.1.${1 + Math.floor(i / PER_CLIENT)}`);
      client.send(queryFor("www.example.", 1));
      await client.next(8000);
    }
    await sleep(DEFAULT_TCP_LIMITS.idleFloorMs + 50);
    for (let i = 0; i < PER_CLIENT; i++) assert.equal(answers(await askFrom(t, running.port, "127.0.2.1")), 1);
    assert.equal(answers(await askUdp({ port: running.port, wire: queryFor("www.example.", 1) })), 1);
  });

  it("by connections that say nothing, or half a query: each ends soon", async (t) => {
    const { running } = await serverWith(t, impatient);
    const silent = await connectFrom(t, running.port, "127.0.0.2");
    const half = await connectFrom(t, running.port, "127.0.0.2");
    half.sendRaw(Uint8Array.of(0, 29, 0x12, 0x34));
    const dripping = await connectFrom(t, running.port, "127.0.0.2");
    const drip = setInterval(() => dripping.isOpen && dripping.sendRaw(Uint8Array.of(0)), 50);
    t.after(() => clearInterval(drip));
    dripping.sendRaw(Uint8Array.of(0xff, 0xff));
    await Promise.all([silent.ended(8000), half.ended(8000), dripping.ended(8000)]);
  });

  it("by a client that asks and does not read: it is cut off, others are served meanwhile", async (t) => {
    const large: Script = truncatedOverUdp((query) => {
      const answersOf = Array.from({ length: 900 }, (_, i) => {
        return { type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, i & 255) };
      });
      return { reply: respond(query, { answers: answersOf }) };
    });
    const script: Script = (query) => (query.name.startsWith("big.") ? large(query) : www(query));
    const { running } = await serverWith(t, impatient, script);
    await askTcp({ port: running.port, wire: queryFor("big.example.", 1) });
    const greedy = await connectFrom(t, running.port, "127.0.0.2");
    greedy.socket.pause();
    // 5,000 answers of 14 KB: 70 MB, if anybody would hold them.
    const wire = queryFor("big.example.", 1);
    const before = process.memoryUsage().external;
    for (let i = 0; i < 50 && greedy.isOpen; i++) {
      greedy.send(...Array.from({ length: 100 }, () => wire));
      await sleep(1);
    }
    assert.equal(answers(await askFrom(t, running.port, "127.0.0.3")), 1);
    assert.ok(process.memoryUsage().external - before < 40 << 20, "the answers are held");
    await sleep(2 * PATIENCE_MS + 300);
    greedy.socket.resume();
    assert.equal(await greedy.ended(8000), "reset");
  });

  it("by 20,000 queries on one connection: all are answered, no call is deeper than the one before", async (t) => {
    const { running } = await serverWith(t, {});
    await askTcp({ port: running.port, wire: queryFor("www.example.", 1) });
    const client = await connectFrom(t, running.port, "127.0.0.2");
    const wires = Array.from({ length: 20_000 }, (_, id) => queryFor("www.example.", 1, { id }));
    client.send(...wires);
    const ids = (await client.take(wires.length, 20_000)).map((reply) => ((reply[0] ?? 0) << 8) | (reply[1] ?? 0));
    assert.equal(new Set(ids).size, wires.length);
  });

  it("by empty and by random messages: such connections end, the service goes on", async (t) => {
    const { running } = await serverWith(t, bounds);
    for (let i = 0; i < 40; i++) {
      const client = await connectFrom(t, running.port, "127.0.0.2");
      client.sendRaw(i % 2 === 0 ? new Uint8Array(200) : crypto.getRandomValues(new Uint8Array(300)));
      client.socket.end();
      await client.ended(8000);
    }
    assert.equal(answers(await askFrom(t, running.port, "127.0.0.3")), 1);
  });
});
