import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, describe, it } from "node:test";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { readSockaddr, type SocketAddress } from "../../base/address.ts";
import { FakeClock } from "../../base/clock.ts";
import { askTcp, queryFor, TcpClient } from "../../../test/support/dns-client.ts";
import { frame } from "../../../test/support/scripted-upstream.ts";
import type { AnswerMessage } from "./tcp-connection.ts";
import type { TcpLimits } from "./tcp-limits.ts";
import { TcpService, type ListenOptions, type TcpListener } from "./tcp-service.ts";

const TICK_MS = 2;

class Stats {
  readonly events: string[] = [];
  opened(): void {
    this.events.push("opened");
  }
  closed(reason: string): void {
    this.events.push(`closed ${reason}`);
  }
  refused(reason: string): void {
    this.events.push(`refused ${reason}`);
  }
  paused(): void {
    this.events.push("paused");
  }
  count(event: string): number {
    return this.events.filter((e) => e === event).length;
  }
}

interface Setting {
  readonly service: TcpService;
  readonly listener: TcpListener;
  readonly port: number;
  readonly clock: FakeClock;
  readonly stats: Stats;
  /** Moves the clock and lets the service look at it. */
  readonly pass: (ms: number) => Promise<void>;
}

const services: TcpService[] = [];
after(() => Promise.all(services.map((service) => service.close(0))));

async function serve(
  answer: AnswerMessage,
  limits: Partial<TcpLimits> = {},
  address = "127.0.0.1",
  options: ListenOptions = {},
  tickMs = TICK_MS,
): Promise<Setting> {
  const clock = new FakeClock();
  const stats = new Stats();
  const service = new TcpService({ limits, clock, stats, tickMs });
  services.push(service);
  const listener = await service.listen(address, 0, answer, options);
  const pass = async (ms: number): Promise<void> => {
    clock.advanceMs(ms);
    await sleep(TICK_MS * 5);
    // A socket that the tick destroyed says so at the end of its turn, which on a busy machine may be this one.
    for (let i = 0; i < 3; i++) await turn();
  };
  return { service, listener, port: listener.port, clock, stats, pass };
}

/** Gives back what it got. */
const echo: AnswerMessage = (message) => message;
/** Never answers. */
const never: AnswerMessage = () => new Promise(() => {});

/** A message that is told from others by its first two bytes. */
function message(id: number, bytes = 12): Uint8Array {
  const out = new Uint8Array(bytes);
  out[0] = id >> 8;
  out[1] = id & 0xff;
  return out;
}

function idOf(wire: Uint8Array): number {
  return ((wire[0] ?? 0) << 8) | (wire[1] ?? 0);
}

/** Answers when told, in the order that it is told. */
class Later {
  readonly asked: number[] = [];
  readonly #resolvers = new Map<number, (answer: Uint8Array | undefined) => void>();

  readonly answer: AnswerMessage = (wire) => {
    this.asked.push(idOf(wire));
    return new Promise((resolve) => this.#resolvers.set(idOf(wire), resolve));
  };

  give(id: number, answer: Uint8Array | undefined = message(id)): void {
    this.#resolvers.get(id)?.(answer);
  }

  async untilAsked(count: number): Promise<void> {
    for (let i = 0; i < 400 && this.asked.length < count; i++) await sleep(5);
    assert.ok(this.asked.length >= count, `${this.asked.length} asked, ${count} wanted`);
  }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 400 && !holds(); i++) await sleep(5);
  assert.ok(holds(), what);
}

/** Until the kernel and the client's own stream hold all that they take from a server that was told to send more. */
async function untilFull(client: TcpClient, stats: Stats, asked: () => number): Promise<void> {
  const { socket } = client;
  await until(() => socket.readableLength >= socket.readableHighWaterMark, "the client's stream is full");
  await until(() => stats.count("paused") > 0, "paused");
  for (let before = -1; before !== asked();) {
    before = asked();
    await sleep(50);
  }
}

describe("TCP service", () => {
  it("answers, gives the client's address, and lets it ask again on the same connection", async () => {
    const seen: { client: SocketAddress; sockaddr: Uint8Array }[] = [];
    const { port, stats } = await serve(async (wire, client, sockaddr) => {
      seen.push({ client, sockaddr });
      return wire;
    });
    const client = await TcpClient.connect(port);
    const wire = queryFor("www.example.org.", 1);
    client.send(wire);
    assert.deepEqual(await client.next(), wire);
    client.send(wire);
    assert.deepEqual(await client.next(), wire);
    const expected = { address: "127.0.0.1", port: client.socket.localPort };
    assert.deepEqual(seen[0]?.client, expected);
    assert.deepEqual(seen[1]?.sockaddr && readSockaddr(seen[1].sockaddr, 0), expected);
    assert.deepEqual(stats.events, ["opened"]);
    client.destroy();
  });

  it("gives an IPv4 client of a dual-stack listener as IPv4, and listens on IPv6 alone when told", async () => {
    const clients: string[] = [];
    const answer: AnswerMessage = (wire, client) => {
      clients.push(client.address);
      return wire;
    };
    const dual = await serve(answer, {}, "::");
    await askTcp({ port: dual.port, wire: message(1) });
    await askTcp({ port: dual.port, wire: message(1), address: "::1" });
    assert.deepEqual(clients, ["127.0.0.1", "::1"]);
    const six = await serve(answer, {}, "::", { ipv6Only: true });
    await askTcp({ port: six.port, wire: message(1), address: "::1" });
    // By chance another process may have this port of 127.0.0.1, and answer.
    await askTcp({ port: six.port, wire: message(1) }).catch(() => undefined);
    assert.deepEqual(clients, ["127.0.0.1", "::1", "::1"]);
  });

  it("answers pipelined queries in the order in which answers come", async () => {
    const later = new Later();
    const { port } = await serve(later.answer);
    const client = await TcpClient.connect(port);
    client.send(message(1), message(2), message(3));
    await later.untilAsked(3);
    later.give(3);
    assert.equal(idOf(await client.next()), 3);
    later.give(1);
    assert.equal(idOf(await client.next()), 1);
    later.give(2);
    assert.equal(idOf(await client.next()), 2);
    client.destroy();
  });

  it("sends the answers of one turn in one piece", async () => {
    const later = new Later();
    const { port } = await serve(later.answer);
    const client = await TcpClient.connect(port);
    let pieces = 0;
    client.socket.on("data", () => pieces++);
    client.send(...Array.from({ length: 50 }, (_, id) => message(id)));
    await later.untilAsked(50);
    for (let id = 0; id < 50; id++) later.give(id);
    await client.take(50);
    assert.equal(pieces, 1);
    client.destroy();
  });

  it("reads messages whatever pieces they come in", async () => {
    const { port } = await serve(echo);
    const client = await TcpClient.connect(port);
    const sizes = [12, 13, 255, 256, 1022, 1024, 1025, 5000, 65535, 12];
    const stream = Buffer.concat(sizes.map((bytes, id) => frame(message(id, bytes))));
    for (let at = 0, step = 1; at < stream.length; at += step, step = (step * 7 + 1) % 4099) {
      client.sendRaw(stream.subarray(at, at + step));
      if (at < 4000) await new Promise(setImmediate);
    }
    const answers = await client.take(sizes.length);
    assert.deepEqual(
      answers.map((wire) => [idOf(wire), wire.length]),
      sizes.map((bytes, id) => [id, bytes]),
    );
    client.destroy();
  });

  it("answers tens of thousands of queries sent at once, without deepening its stack", async () => {
    const { port, stats } = await serve(echo);
    const client = await TcpClient.connect(port);
    const count = 30_000;
    client.sendRaw(Buffer.concat(Array.from({ length: count }, (_, id) => frame(message(id)))));
    const answers = await client.take(count);
    assert.ok(answers.every((wire, id) => idOf(wire) === id));
    assert.equal(stats.count("closed defect"), 0);
    client.destroy();
  });

  it("sends nothing for a query that has no answer, and goes on", async () => {
    const { port } = await serve(async (wire) => (idOf(wire) === 1 ? undefined : wire));
    const client = await TcpClient.connect(port);
    client.send(message(1), message(2));
    assert.equal(idOf(await client.next()), 2);
    client.send(message(3));
    assert.equal(idOf(await client.next()), 3);
    client.destroy();
  });

  it("answers what a client asked before it closed its side, then closes", async () => {
    const later = new Later();
    const { port, stats, service } = await serve(later.answer);
    const client = await TcpClient.connect(port);
    client.send(message(1));
    client.socket.end();
    await later.untilAsked(1);
    await sleep(10);
    later.give(1);
    assert.equal(idOf(await client.next()), 1);
    assert.equal(await client.ended(), "fin");
    await until(() => service.connections === 0, "connection is gone");
    assert.deepEqual(stats.events, ["opened", "closed client"]);
  });

  it("forgets a client that breaks the connection while its answer is made", async () => {
    const later = new Later();
    const { port, stats, service } = await serve(later.answer);
    const client = await TcpClient.connect(port);
    client.send(message(1));
    await later.untilAsked(1);
    client.socket.resetAndDestroy();
    await until(() => service.connections === 0, "connection is gone");
    later.give(1);
    await sleep(5);
    assert.deepEqual(stats.events, ["opened", "closed error"]);
  });

  it("ends one connection, not the service, when an answer is a rejection or too long for TCP", async () => {
    const { port, stats } = await serve(async (wire) => {
      if (idOf(wire) === 1) throw new Error("a defect");
      return idOf(wire) === 2 ? new Uint8Array(65536) : wire;
    });
    for (const id of [1, 2]) {
      const client = await TcpClient.connect(port);
      client.send(message(id));
      await client.ended();
    }
    assert.equal(stats.count("closed defect"), 2);
    assert.equal(idOf(await askTcp({ port, wire: message(3) })), 3);
  });

  it("says who cannot bind what when the port is in use", async () => {
    const { service, port } = await serve(echo);
    await assert.rejects(service.listen("127.0.0.1", port, echo), {
      code: "NODENS_NET_BIND",
      message: `cannot bind 127.0.0.1:${port}: the address is in use`,
    });
    assert.equal(idOf(await askTcp({ port, wire: message(9) })), 9);
  });
});

describe("TCP service, bounds on a connection", () => {
  it("asks no more than the queries in flight allow, and reads on when answers go out", async () => {
    const later = new Later();
    const { port, stats } = await serve(later.answer, { inFlight: 3 });
    const client = await TcpClient.connect(port);
    client.send(...Array.from({ length: 10 }, (_, id) => message(id)));
    await later.untilAsked(3);
    client.send(...Array.from({ length: 200 }, (_, id) => message(10 + id)));
    await sleep(10);
    assert.deepEqual(later.asked, [0, 1, 2]);
    assert.equal(stats.count("paused"), 1);
    later.give(1);
    await later.untilAsked(4);
    await sleep(5);
    assert.deepEqual(later.asked, [0, 1, 2, 3]);
    for (let id = 0; id < 210; id++) {
      await later.untilAsked(Math.min(id + 1, 210));
      later.give(id);
    }
    assert.equal((await client.take(210)).length, 210);
    client.destroy();
  });

  it("closes a connection on which nothing was asked for 10 s", async () => {
    const { port, pass, stats } = await serve(echo);
    const client = await TcpClient.connect(port);
    client.send(message(1));
    await client.next();
    await pass(9_999);
    client.send(message(2));
    await client.next();
    await pass(9_999);
    assert.ok(client.isOpen);
    await pass(1);
    assert.equal(await client.ended(), "fin");
    assert.deepEqual(stats.events, ["opened", "closed idle"]);
  });

  it("does not call a client idle that waits for its answer", async () => {
    const later = new Later();
    const { port, pass } = await serve(later.answer);
    const client = await TcpClient.connect(port);
    client.send(message(1));
    await later.untilAsked(1);
    await pass(60_000);
    later.give(1);
    assert.equal(idOf(await client.next()), 1);
    await pass(9_999);
    assert.ok(client.isOpen);
    client.destroy();
  });

  it("closes a connection whose first message is not there after 3 s", async () => {
    const { port, pass, stats } = await serve(echo);
    const client = await TcpClient.connect(port);
    client.sendRaw(Uint8Array.of(0));
    await pass(2_999);
    client.sendRaw(Uint8Array.of(12, 1, 2));
    await sleep(5);
    assert.ok(client.isOpen);
    await pass(1);
    await client.ended();
    assert.deepEqual(stats.events, ["opened", "closed first_message"]);
  });

  it("closes a connection whose message takes more than 5 s, however many bytes drip in", async () => {
    const { port, pass, stats } = await serve(echo);
    const client = await TcpClient.connect(port);
    client.send(message(1));
    await client.next();
    client.sendRaw(Uint8Array.of(0, 12));
    for (let i = 0; i < 4; i++) {
      await sleep(5);
      await pass(1_000);
      client.sendRaw(Uint8Array.of(i));
    }
    await sleep(5);
    await pass(999);
    assert.ok(client.isOpen);
    await pass(1);
    await client.ended();
    assert.deepEqual(stats.events, ["opened", "closed partial_message"]);
  });

  for (const [what, bytes] of [
    ["no bytes", Uint8Array.of(0, 0)],
    ["fewer bytes than a DNS header", frame(new Uint8Array(11))],
  ] as const) {
    it(`closes at once on a message of ${what}`, async () => {
      const { port, stats } = await serve(echo);
      const client = await TcpClient.connect(port);
      client.sendRaw(bytes);
      await client.ended();
      await until(() => stats.events.length === 2, "closed");
      assert.deepEqual(stats.events, ["opened", "closed malformed"]);
    });
  }

  it("closes after the last allowed query, when it is answered", async () => {
    const later = new Later();
    const { port, stats, service } = await serve(later.answer, { queriesPerConnection: 2 });
    const client = await TcpClient.connect(port);
    client.send(message(1), message(2), message(3));
    await later.untilAsked(2);
    later.give(2);
    assert.equal(idOf(await client.next()), 2);
    client.send(message(4));
    later.give(1);
    assert.equal(idOf(await client.next()), 1);
    assert.equal(await client.ended(), "fin");
    client.socket.end();
    await until(() => service.connections === 0, "connection is gone");
    assert.deepEqual(later.asked, [1, 2]);
    assert.deepEqual(stats.events, ["opened", "closed queries"]);
  });

  it("drops a client that does not close its side within 1 s of ours", async () => {
    const { port, pass, service } = await serve(echo, { queriesPerConnection: 1 });
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const client = new TcpClient(socket);
    client.send(message(1));
    assert.equal(idOf(await client.next()), 1);
    assert.equal(await client.ended(), "fin");
    await pass(999);
    assert.equal(service.connections, 1);
    await pass(1);
    assert.equal(service.connections, 0);
    client.destroy();
  });
});

describe("TCP service and clients that do not read", () => {
  const big = new Uint8Array(60_000);
  const bigAnswer: AnswerMessage = (wire) => {
    big.set(wire.subarray(0, 2));
    return big;
  };

  it("stops asking for them, and serves all when they read again", async () => {
    let asked = 0;
    const { port, pass, stats } = await serve((...args) => {
      asked++;
      return bigAnswer(...args);
    });
    const client = await TcpClient.connect(port);
    client.socket.pause();
    client.send(...Array.from({ length: 300 }, (_, id) => message(id)));
    await untilFull(client, stats, () => asked);
    const askedThen = asked;
    assert.ok(askedThen < 300, `${askedThen} asked`);
    await pass(4_999);
    assert.equal(asked, askedThen);
    client.socket.resume();
    const answers = await client.take(300);
    assert.ok(answers.every((wire, id) => idOf(wire) === id && wire.length === big.length));
    client.destroy();
  });

  it("resets them when they take nothing for 5 s", async () => {
    let asked = 0;
    const { port, pass, stats } = await serve((...args) => {
      asked++;
      return bigAnswer(...args);
    });
    const client = await TcpClient.connect(port);
    client.socket.pause();
    client.send(...Array.from({ length: 300 }, (_, id) => message(id)));
    await untilFull(client, stats, () => asked);
    await pass(4_999);
    assert.equal(stats.count("closed slow_reader"), 0);
    await pass(1);
    assert.equal(stats.count("closed slow_reader"), 1);
    client.socket.resume();
    assert.equal(await client.ended(), "reset");
  });

  it("resets them at once when more than 256 KiB wait that the kernel did not take", async () => {
    const later = new Later();
    const { port, stats } = await serve(later.answer);
    const client = await TcpClient.connect(port);
    client.socket.pause();
    client.send(...Array.from({ length: 128 }, (_, id) => message(id)));
    await later.untilAsked(128);
    for (let id = 0; id < 128; id++) later.give(id, big);
    await until(() => stats.count("closed slow_reader") === 1, "reset");
    client.destroy();
  });
});

describe("TCP service, bounds on the table", () => {
  async function from(address: string, port: number): Promise<TcpClient> {
    const client = new TcpClient(connect({ port, host: "127.0.0.1", localAddress: address }));
    client.send(message(7));
    return client;
  }

  it("resets a client's connections beyond its share, and no other client's", async () => {
    const { port, stats } = await serve(echo, { connectionsPerClient: 2 });
    const one = await from("127.0.0.1", port);
    const two = await from("127.0.0.1", port);
    await Promise.all([one.next(), two.next()]);
    const three = await from("127.0.0.1", port);
    assert.equal(await three.ended(), "reset");
    const other = await from("127.0.0.2", port);
    assert.equal(idOf(await other.next()), 7);
    assert.equal(stats.count("refused client"), 1);
    one.destroy();
    await until(() => stats.count("closed client") + stats.count("closed error") === 1, "closed");
    const four = await from("127.0.0.1", port);
    assert.equal(idOf(await four.next()), 7);
    for (const client of [two, other, four]) client.destroy();
  });

  it("lets a new connection take the place of the one that is idle the longest, but of none that is not", async () => {
    // The table is full, so a tick would call idle what is to be displaced: let none come.
    const { port, stats, clock, service } = await serve(echo, { connections: 2 }, "127.0.0.1", {}, 60_000);
    const oldest = await from("127.0.0.1", port);
    await oldest.next();
    clock.advanceMs(100);
    const newer = await from("127.0.0.1", port);
    await newer.next();
    const refused = await from("127.0.0.1", port);
    assert.equal(await refused.ended(), "reset");
    assert.deepEqual(stats.events, ["opened", "opened", "refused total"]);
    clock.advanceMs(100);
    const third = await from("127.0.0.1", port);
    assert.equal(idOf(await third.next()), 7);
    assert.equal(await oldest.ended(), "fin");
    assert.ok(newer.isOpen);
    assert.equal(service.connections, 2);
    assert.equal(stats.count("closed displaced"), 1);
    for (const client of [newer, third]) client.destroy();
  });

  it("shortens the time that connections may be idle while the table fills", async () => {
    const { port, pass, service } = await serve(echo, { connections: 4 });
    const clients = [];
    for (let i = 0; i < 3; i++) clients.push(await from("127.0.0.1", port));
    for (const client of clients) await client.next();
    await pass(5_099);
    assert.equal(service.connections, 3);
    await pass(1);
    await Promise.all(clients.map((client) => client.ended()));
    assert.equal(service.connections, 0);
  });

  it("counts the connections of all its listeners together", async () => {
    const { service, port } = await serve(echo, { connections: 1 });
    const second = await service.listen("127.0.0.1", 0, echo);
    const one = await from("127.0.0.1", port);
    await one.next();
    const two = await from("127.0.0.1", second.port);
    assert.equal(await two.ended(), "reset");
    one.destroy();
  });
});

describe("TCP service, closing", () => {
  it("answers what is in flight, ends idle connections at once, and accepts no more", async () => {
    const later = new Later();
    const { service, port, stats } = await serve(later.answer);
    const idle = await TcpClient.connect(port);
    const busy = await TcpClient.connect(port);
    busy.send(message(1), message(2));
    await later.untilAsked(2);
    const closed = service.close(2_000);
    assert.equal(await idle.ended(), "fin");
    await assert.rejects(TcpClient.connect(port), /ECONNREFUSED/);
    later.give(2);
    later.give(1);
    assert.deepEqual((await busy.take(2)).map(idOf), [2, 1]);
    assert.equal(await busy.ended(), "fin");
    await closed;
    assert.equal(stats.count("closed shutdown"), 2);
    assert.equal(service.connections, 0);
  });

  it("drops what is still in flight when the grace is over", async () => {
    const { service, port, stats } = await serve(never);
    const client = await TcpClient.connect(port);
    client.send(message(1));
    await until(() => service.connections === 1, "open");
    await sleep(5);
    await service.close(10);
    await client.ended();
    assert.deepEqual(stats.events, ["opened", "closed shutdown"]);
  });

  it("closes one listener and leaves the others", async () => {
    const { service, port, listener } = await serve(echo);
    const second = await service.listen("127.0.0.1", 0, echo);
    const stays = await TcpClient.connect(second.port);
    stays.send(message(1));
    await stays.next();
    await listener.close(100);
    await listener.close(100);
    await assert.rejects(askTcp({ port, wire: message(1) }), /ECONNREFUSED/);
    stays.send(message(2));
    assert.equal(idOf(await stays.next()), 2);
    stays.destroy();
  });
});
