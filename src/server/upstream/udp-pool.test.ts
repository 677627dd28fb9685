import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BindError } from "../../base/bind-error.ts";
import { FLAG_QR, FLAGS_AT, readU16, writeU16 } from "../../dns/header.ts";
import { Metrics } from "../metrics/metrics.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import { EndOfTurn } from "../../base/end-of-turn.ts";
import { RandomIds } from "./random-ids.ts";
import { ServerStats } from "./server-stats.ts";
import { PORT_LIFE_MS, PORT_USES_MAX, PORTS_MAX, UdpPool } from "./udp-pool.ts";
import { upstreamQueryBytes, writeUpstreamQuery } from "./upstream-query.ts";
import type { PortErrorListener, ReplyListener, UpstreamPort, UpstreamPorts } from "./upstream-ports.ts";

class RecordedPort implements UpstreamPort {
  readonly sent: Uint8Array[] = [];
  readonly onReply: ReplyListener;
  readonly onError: PortErrorListener;
  closed = false;

  constructor(onReply: ReplyListener, onError: PortErrorListener) {
    this.onReply = onReply;
    this.onError = onError;
  }

  send(message: Uint8Array): void {
    assert.equal(this.closed, false, "sent through a closed port");
    this.sent.push(Uint8Array.from(message));
  }

  close(): void {
    this.closed = true;
  }

  /** The query with QR. */
  answer(query: Uint8Array): void {
    const reply = Uint8Array.from(query);
    writeU16(reply, FLAGS_AT, readU16(reply, FLAGS_AT) | FLAG_QR);
    this.onReply(this, reply);
  }
}

class RecordedPorts implements UpstreamPorts {
  readonly opened: RecordedPort[] = [];
  /** How many may be open at once. */
  descriptors: number = Number.POSITIVE_INFINITY;

  open(_remote: unknown, _source: unknown, onReply: ReplyListener, onError: PortErrorListener): UpstreamPort {
    if (this.alive >= this.descriptors) throw new BindError("127.0.0.1", 53, new Error("EMFILE on udp 127.0.0.1:53"));
    const port = new RecordedPort(onReply, onError);
    this.opened.push(port);
    return port;
  }

  get alive(): number {
    return this.opened.filter(({ closed }) => !closed).length;
  }

  async close(): Promise<void> {}
}

class Owner implements AttemptOwner {
  readonly wire: Uint8Array;
  readonly questionEnd: number;
  answers = 0;
  failures: string[] = [];

  constructor(letter = "a") {
    const question = Uint8Array.from([...new Uint8Array(12), 1, letter.charCodeAt(0), 0, 0, 1, 0, 1]);
    this.questionEnd = question.length;
    this.wire = new Uint8Array(upstreamQueryBytes(question.length));
    writeUpstreamQuery(this.wire, question, question.length, 0, false);
  }

  get plainLength(): number {
    return this.questionEnd;
  }

  answered(): void {
    this.answers++;
  }

  failed(_attempt: Attempt, kind: string): void {
    this.failures.push(kind);
  }
}

interface Bench {
  readonly ports: RecordedPorts;
  readonly pool: UdpPool;
  nowMs: number;
  send(owner?: Owner, options?: { fresh?: boolean; tolerant?: boolean }): Attempt;
  /** As the end of an event-loop turn does. */
  turn(): void;
}

/** Gives each id twice. */
class Stutter extends RandomIds {
  #drawn = 0;

  override next(): number {
    return Math.floor(this.#drawn++ / 2);
  }
}

function bench(ids: RandomIds = new RandomIds()): Bench {
  const ports = new RecordedPorts();
  const stats = new ServerStats(Metrics.create({ threads: 1 }), "127.0.0.1:53");
  const target = { address: "127.0.0.1", port: 53, sourceAddress: undefined };
  const pool = new UdpPool(ports, target, ids, new EndOfTurn(), stats);
  return {
    ports,
    pool,
    nowMs: 1_000_000,
    send(owner = new Owner(), { fresh = false, tolerant = false } = {}) {
      const attempt = new Attempt(owner, pool, 0, true, this.nowMs, fresh, tolerant);
      assert.equal(pool.send(attempt, this.nowMs), undefined);
      return attempt;
    },
    turn: () => pool.endTurn(),
  };
}

describe("UdpPool", () => {
  it("opens a port for each question while they are few", () => {
    const b = bench();
    for (let i = 0; i < 40; i++) {
      b.send();
      b.turn();
      b.nowMs += 30;
    }
    assert.equal(b.ports.opened.length, 40);
  });

  it("sends all of a turn from one port, up to a batch", () => {
    const b = bench();
    for (let i = 0; i < 64; i++) b.send();
    assert.equal(b.ports.opened.length, 1);
    b.send();
    assert.equal(b.ports.opened.length, 2);
  });

  it("gives the questions on one port ids of their own", () => {
    const b = bench(new Stutter());
    for (let i = 0; i < 64; i++) b.send();
    const ids = b.ports.opened[0]?.sent.map((message) => readU16(message, 0));
    assert.equal(new Set(ids).size, 64);
  });

  it("uses ports again when questions are many, all of them, within the bounds", () => {
    const b = bench();
    for (let i = 0; i < 60_000; i++) {
      b.send().cancel();
      b.turn();
      b.nowMs += 0.5;
      if (i % 2000 === 0) b.pool.sweep(b.nowMs);
      assert.ok(b.pool.openPorts <= PORTS_MAX);
    }
    assert.ok(b.ports.alive > 400, `${b.ports.alive} ports are open`);
    assert.ok(Math.max(...b.ports.opened.map(({ sent }) => sent.length)) <= PORT_USES_MAX);
    // 30 s at 50 a second and a burst.
    assert.ok(b.ports.opened.length < 1700, `${b.ports.opened.length} were opened`);
  });

  it("retires a port after its last use, and closes it when nothing waits there", () => {
    const b = bench();
    const [waiting] = Array.from({ length: PORT_USES_MAX }, () => {
      const attempt = b.send();
      b.pool.sweep(b.nowMs);
      return attempt;
    });
    const [first] = b.ports.opened;
    assert.ok(first && waiting);
    b.nowMs += PORT_LIFE_MS;
    b.pool.sweep(b.nowMs);
    assert.equal(first.closed, false);
    b.send();
    assert.equal(first.sent.length, 64);
    const query = first.sent[0];
    assert.ok(query);
    for (const sent of first.sent) first.answer(sent);
    assert.equal(first.closed, true);
  });

  it("closes ports that are not used", () => {
    const b = bench();
    b.send().cancel();
    assert.equal(b.ports.alive, 1);
    b.nowMs += PORT_LIFE_MS;
    b.pool.sweep(b.nowMs);
    assert.equal(b.ports.alive, 0);
  });

  it("opens a port for a question that wants a fresh one, and gives it to nobody else", () => {
    const b = bench();
    b.send();
    b.send(new Owner(), { fresh: true });
    b.ports.descriptors = 2;
    for (let i = 0; i < 20; i++) {
      b.turn();
      b.send();
    }
    assert.deepEqual(
      b.ports.opened.map(({ sent }) => sent.length),
      [21, 1],
    );
  });

  it("tells all who wait on a port of its failure, and leaves it", () => {
    const b = bench();
    const owners = [new Owner("a"), new Owner("b")];
    for (const owner of owners) b.send(owner);
    const [port] = b.ports.opened;
    port?.onError(port, 111);
    assert.deepEqual(
      owners.map(({ failures }) => failures),
      [["refused"], ["refused"]],
    );
    assert.equal(port?.closed, true);
    b.send();
    assert.equal(b.ports.opened.length, 2);
  });

  it("uses an open port when no descriptor is left, and fails when there is none", () => {
    const b = bench();
    b.ports.descriptors = 1;
    b.send();
    b.turn();
    b.send();
    assert.equal(b.ports.opened[0]?.sent.length, 2);
    b.ports.descriptors = 0;
    b.pool.close();
    const attempt = new Attempt(new Owner(), b.pool, 0, true, b.nowMs);
    assert.equal(b.pool.send(attempt, b.nowMs), "busy");
  });

  it("takes a wrong id for a guess only while somebody waits for that question there", () => {
    const b = bench();
    const [asked, other] = [new Owner("a"), new Owner("b")];
    b.send(asked);
    b.send(other);
    const [port] = b.ports.opened;
    const [query] = port?.sent ?? [];
    assert.ok(port && query);
    port.answer(query);
    port.answer(query);
    assert.equal(asked.answers, 1);
    assert.deepEqual([...asked.failures, ...other.failures], []);
    const guess = Uint8Array.from(port.sent[1] ?? []);
    writeU16(guess, 0, readU16(guess, 0) ^ 1);
    port.answer(guess);
    assert.deepEqual(other.failures, ["near-miss"]);
  });

  it("lets a tolerant question wait on after a wrong id", () => {
    const b = bench();
    const owner = new Owner();
    b.send(owner, { tolerant: true });
    const [port] = b.ports.opened;
    const [query] = port?.sent ?? [];
    assert.ok(port && query);
    const guess = Uint8Array.from(query);
    writeU16(guess, 0, readU16(guess, 0) ^ 1);
    port.answer(guess);
    port.answer(query);
    assert.deepEqual(owner.failures, []);
    assert.equal(owner.answers, 1);
  });

  it("is silent about what its owner has given up, also when a port fails with several of it", () => {
    const b = bench();
    class Hasty extends Owner {
      readonly attempts: Attempt[] = [];

      override failed(attempt: Attempt, kind: string): void {
        super.failed(attempt, kind);
        for (const other of this.attempts) other.cancel();
      }
    }
    const owner = new Hasty();
    for (let i = 0; i < 3; i++) owner.attempts.push(b.send(owner));
    const other = new Owner("b");
    b.send(other);
    assert.equal(b.ports.opened.length, 1);
    const [port] = b.ports.opened;
    assert.ok(port);
    port.onError(port, 111);
    assert.deepEqual([owner.failures, other.failures], [["refused"], ["refused"]]);
    assert.equal(port.closed, true);
  });
});
