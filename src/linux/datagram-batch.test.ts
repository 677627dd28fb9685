import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { withoutFfi } from "../../test/support/ffi.ts";
import { BATCH_DATAGRAMS, DatagramBatch } from "./datagram-batch.ts";
import { waitAtMost } from "./socket-wait.ts";
import { openListener, type UdpSocket } from "./udp-socket.ts";

class Client {
  readonly socket: Socket;
  readonly got: string[] = [];
  readonly from = new Set<string>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("message", (message, remote) => {
      this.got.push(message.toString("latin1"));
      this.from.add(remote.address);
    });
  }

  static async open(t: TestContext, address = "127.0.0.1", port = 0): Promise<Client> {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.bind(port, address);
    await once(socket, "listening");
    t.after(() => socket.close());
    return new Client(socket);
  }

  get port(): number {
    return this.socket.address().port;
  }

  /** Resolves when the kernel has it. */
  send(text: string, port: number, address = "127.0.0.1"): Promise<void> {
    return new Promise((resolve, reject) =>
      this.socket.send(text, port, address, (error) => (error === null ? resolve() : reject(error))),
    );
  }
}

interface Bench {
  readonly batch: DatagramBatch;
  readonly socket: UdpSocket;
}

function open(t: TestContext, address = "127.0.0.1", segmentation = true): Bench {
  const socket = openListener(address, 0);
  const batch = new DatagramBatch(segmentation);
  t.after(() => {
    socket.close();
    batch.close();
  });
  return { batch, socket };
}

/** Takes what waits, which must be `expected`; a reply to each is its text in upper case, as long as its text says. */
function answerAll({ batch, socket }: Bench, expected: number): void {
  assert.equal(batch.receive(socket.fd, socket.wildcard), expected);
  for (let i = 0; i < expected; i++) {
    const at = batch.slotAt(i);
    const text = Buffer.from(batch.bytes.subarray(at, at + batch.lengthOf(i))).toString("latin1");
    const reply = replyTo(text);
    batch.bytes.set(Buffer.from(reply, "latin1"), at);
    batch.reply(i, reply.length);
  }
}

/** `q3:100` is answered with `Q3:100` and stars up to 100 bytes. */
function replyTo(text: string): string {
  return text.toUpperCase().padEnd(Number(text.split(":")[1] ?? 0), "*");
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !holds(); i++) await sleep(2);
  assert.ok(holds(), "waited too long");
}

describe("a batch of datagrams", { skip: withoutFfi }, () => {
  it("sends two replies to one client together, wherever they stand, the longer one first", async (t) => {
    const bench = open(t);
    const [a, b] = [await Client.open(t), await Client.open(t)];
    for (const [client, text] of [
      [a, "a1:40"],
      [b, "b1:200"],
      [a, "a2:120"],
      [b, "b2:90"],
      [a, "a3:60"],
    ] as const) {
      await client.send(text, bench.socket.port);
    }
    answerAll(bench, 5);
    assert.equal(bench.batch.pairs, 2);
    assert.equal(bench.batch.flush(bench.socket.fd), 5);
    await until(() => a.got.length === 3 && b.got.length === 2);
    assert.deepEqual(a.got, [replyTo("a2:120"), replyTo("a1:40"), replyTo("a3:60")]);
    assert.deepEqual(b.got, [replyTo("b1:200"), replyTo("b2:90")]);
  });

  it("pairs none without segmentation", async (t) => {
    const bench = open(t, "127.0.0.1", false);
    const client = await Client.open(t);
    for (const text of ["a", "b", "c"]) await client.send(text, bench.socket.port);
    answerAll(bench, 3);
    assert.equal(bench.batch.flush(bench.socket.fd), 3);
    assert.equal(bench.batch.pairs, 0);
    await until(() => client.got.length === 3);
    assert.deepEqual(client.got, ["A", "B", "C"]);
  });

  it("never takes one client for another: equal ports at other addresses, one after the other in turns", async (t) => {
    const bench = open(t, "0.0.0.0");
    // Packet info forbids pairs; so this socket is asked as if it had one address.
    const one: Bench = { batch: bench.batch, socket: { ...bench.socket, wildcard: false } };
    const first = await Client.open(t, "127.0.0.1");
    const second = await Client.open(t, "127.0.0.2", first.port);
    for (const turn of ["x", "y"]) {
      for (const text of ["1", "2", "3"]) {
        await first.send(`f${turn}${text}`, bench.socket.port);
        await second.send(`s${turn}${text}`, bench.socket.port);
      }
      answerAll(one, 6);
      assert.equal(bench.batch.flush(bench.socket.fd), 6);
    }
    await until(() => first.got.length === 6 && second.got.length === 6);
    assert.deepEqual(first.got.toSorted(), ["FX1", "FX2", "FX3", "FY1", "FY2", "FY3"]);
    assert.deepEqual(second.got.toSorted(), ["SX1", "SX2", "SX3", "SY1", "SY2", "SY3"]);
  });

  it("gives every client each of its replies once, in whatever order the queries came", async (t) => {
    const bench = open(t);
    const clients = await Promise.all(Array.from({ length: 4 }, () => Client.open(t)));
    const query = fc.record({ client: fc.nat(3), length: fc.integer({ min: 0, max: 1232 }), answered: fc.boolean() });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(query, { minLength: 1, maxLength: BATCH_DATAGRAMS }), async (queries) => {
        round++;
        for (const client of clients) client.got.length = 0;
        const expected: string[][] = clients.map(() => []);
        for (const [i, { client, length }] of queries.entries()) {
          await clients[client]?.send(`r${round}q${i}:${length}`, bench.socket.port);
        }
        const { batch, socket } = bench;
        assert.equal(batch.receive(socket.fd, false), queries.length);
        let answers = 0;
        for (const [i, { client, length, answered }] of queries.entries()) {
          if (!answered) continue;
          const reply = replyTo(`r${round}q${i}:${length}`);
          batch.bytes.set(Buffer.from(reply, "latin1"), batch.slotAt(i));
          batch.reply(i, reply.length);
          expected[client]?.push(reply);
          answers++;
        }
        assert.equal(batch.flush(socket.fd), answers);
        await until(() => clients.reduce((sum, { got }) => sum + got.length, 0) >= answers);
        assert.deepEqual(
          clients.map(({ got }) => got.toSorted()),
          expected.map((texts) => texts.toSorted()),
        );
      }),
      { numRuns: 25 },
    );
    assert.ok(bench.batch.pairs > 0);
    assert.deepEqual([bench.batch.blockedSends, bench.batch.refusedSends], [0, 0]);
  });

  for (const [bind, asked] of [
    ["0.0.0.0", "127.0.0.5"],
    ["::", "127.0.0.5"],
    ["::", "::1"],
  ] as const) {
    it(`answers from the address that was asked, bound to ${bind} and asked at ${asked}`, async (t) => {
      const bench = open(t, bind);
      assert.ok(bench.socket.wildcard);
      const client = await Client.open(t, asked.includes(":") ? "::1" : "127.0.0.1");
      for (const text of ["one", "two"]) await client.send(text, bench.socket.port, asked);
      answerAll(bench, 2);
      assert.equal(bench.batch.flush(bench.socket.fd), 2);
      await until(() => client.got.length === 2);
      assert.deepEqual(client.got, ["ONE", "TWO"]);
      assert.deepEqual([...client.from], [asked]);
    });
  }

  it("goes on without pairs after the kernel refused one, and loses only what nobody can be sent", async (t) => {
    const bench = open(t);
    const [gone, here] = [await Client.open(t), await Client.open(t)];
    const { batch, socket } = bench;
    for (const text of ["g1", "g2"]) await gone.send(text, socket.port);
    await here.send("h1", socket.port);
    assert.equal(batch.receive(socket.fd, false), 3);
    // To port 0 the kernel sends nothing (EINVAL), as if the route could take no segments.
    for (const i of [0, 1]) batch.bytes.fill(0, batch.sockaddrAt(i) + 2, batch.sockaddrAt(i) + 4);
    for (let i = 0; i < 3; i++) batch.reply(i, 2);
    assert.equal(batch.pairs, 1);
    assert.equal(batch.flush(socket.fd), 1);
    assert.deepEqual([batch.pairs, batch.refusedSends], [0, 2]);
    for (const text of ["h2", "h3"]) await here.send(text, socket.port);
    answerAll(bench, 2);
    assert.equal(batch.pairs, 0);
    assert.equal(batch.flush(socket.fd), 2);
    await until(() => here.got.length === 3);
    assert.deepEqual(here.got, ["h1", "H2", "H3"]);
    assert.equal(gone.got.length, 0);
  });

  it("serves several sockets in turn, with and without packet info", async (t) => {
    const bench = open(t);
    const wide = openListener("0.0.0.0", 0);
    t.after(() => wide.close());
    const client = await Client.open(t);
    for (let turn = 0; turn < 3; turn++) {
      await client.send(`n${turn}`, bench.socket.port);
      await client.send(`w${turn}`, wide.port, "127.0.0.3");
      answerAll(bench, 1);
      bench.batch.flush(bench.socket.fd);
      answerAll({ batch: bench.batch, socket: wide }, 1);
      bench.batch.flush(wide.fd);
    }
    await until(() => client.got.length === 6);
    assert.deepEqual(client.got, ["N0", "W0", "N1", "W1", "N2", "W2"]);
    assert.deepEqual([...client.from].toSorted(), ["127.0.0.1", "127.0.0.3"]);
  });

  it("waits for the first datagram where it is told to, for as long as the socket says", async (t) => {
    const bench = open(t);
    const { batch, socket } = bench;
    waitAtMost(socket.fd, 50);
    const from = performance.now();
    assert.equal(batch.receive(socket.fd, false, true), 0);
    const waitedMs = performance.now() - from;
    assert.ok(waitedMs >= 40 && waitedMs < 1000, `waited ${waitedMs} ms`);
    const client = await Client.open(t);
    await client.send("one", socket.port);
    assert.equal(batch.receive(socket.fd, false, true), 1);
    assert.equal(batch.receive(socket.fd, false), 0, "not where it is not told to");
  });

  it("takes single datagrams one by one where they come so, and soon several again", async (t) => {
    const bench = open(t);
    const { batch, socket } = bench;
    waitAtMost(socket.fd, 50);
    const client = await Client.open(t);
    const take = (waits = true): string[] =>
      Array.from({ length: batch.receive(socket.fd, false, waits) }, (_, i) => {
        const at = batch.slotAt(i);
        const text = Buffer.from(batch.bytes.subarray(at, at + Math.max(batch.lengthOf(i), 0))).toString("latin1");
        batch.bytes.set(Buffer.from(text.toUpperCase(), "latin1"), at);
        batch.reply(i, text.length);
        return batch.lengthOf(i) < 0 ? "too long" : text;
      });
    for (let i = 0; i < 100; i++) {
      await client.send(`s${i}`, socket.port);
      assert.deepEqual(take(), [`s${i}`]);
      assert.equal(batch.flush(socket.fd), 1);
    }
    await until(() => client.got.length === 100);
    assert.deepEqual(
      client.got,
      Array.from({ length: 100 }, (_, i) => `S${i}`),
    );
    assert.deepEqual(take(), [], "waits no longer than the socket says");
    for (const [text, taken] of [
      ["", ""],
      ["x".repeat(4097), "too long"],
      ["y".repeat(4096), "y".repeat(4096)],
    ] as const) {
      await client.send(text, socket.port);
      assert.deepEqual(take(), [taken]);
      batch.flush(socket.fd);
    }
    const burst = Array.from({ length: 20 }, (_, i) => `b${i}`);
    for (const text of burst) await client.send(text, socket.port);
    const turns: string[][] = [];
    while (turns.flat().length < burst.length) {
      turns.push(take());
      batch.flush(socket.fd);
    }
    assert.deepEqual(turns.flat(), burst);
    const lone = turns.findIndex((turn) => turn.length > 1);
    assert.ok(lone >= 1 && lone < 8, `${lone} were taken singly`);
    for (const text of ["c1", "c2"]) await client.send(text, socket.port);
    assert.deepEqual(take(), ["c1", "c2"], "for some time it looks for more each time");
  });

  it("sends a single reply like any other, and counts what nobody can be sent", async (t) => {
    const bench = open(t);
    const client = await Client.open(t);
    await client.send("one", bench.socket.port);
    answerAll(bench, 1);
    assert.equal(bench.batch.flush(bench.socket.fd), 1);
    await until(() => client.got.length === 1);
    await client.send("two", bench.socket.port);
    answerAll(bench, 1);
    assert.equal(bench.batch.flush(-1), 0);
    assert.equal(bench.batch.refusedSends, 1);
  });

  it("says which error a socket has", (t) => {
    const { batch } = open(t);
    assert.equal(batch.receive(-1, false), -9);
  });
});
