import assert from "node:assert/strict";
import { beforeEach, describe, it, type TestContext } from "node:test";
import { queryFor } from "../../../test/support/dns-client.ts";
import type { SocketAddress } from "../../base/address.ts";
import { FakeClock } from "../../base/clock.ts";
import { ANCOUNT_AT, FLAGS_AT, RCODE_MASK, readU16, writeU16 } from "../../dns/header.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT } from "../../dns/query-view.ts";
import { RCODE_SERVFAIL } from "../../dns/types.ts";
import { Query } from "../chain/query.ts";
import type { LeftQuery } from "../fastpath/left-query.ts";
import { leftInRing } from "../fastpath/left-queries.ts";
import { KIND_QUERY, RelayWriter, RING_REGION_BYTES } from "../fastpath/relay-ring.ts";
import type { UpstreamPort, UpstreamPorts } from "../upstream/upstream-ports.ts";
import { NO_SERVER, StandbyMisses } from "./standby-misses.ts";

const UPSTREAMS: SocketAddress[] = [
  { address: "192.0.2.1", port: 53 },
  { address: "192.0.2.2", port: 53 },
];
const LISTENER = 3;

interface Asked {
  readonly to: string;
  readonly message: Uint8Array;
  reply(message: Uint8Array): void;
  refuse(): void;
}

describe("misses of the standby", () => {
  let clock: FakeClock;
  let ring: ArrayBuffer;
  let asked: Asked[];
  let sent: { readonly message: Uint8Array; readonly to: number }[];
  let upstreams: SocketAddress[];
  let stale: (left: LeftQuery) => boolean;
  let misses: StandbyMisses;

  beforeEach(() => {
    clock = new FakeClock();
    ring = new ArrayBuffer(RING_REGION_BYTES);
    asked = [];
    sent = [];
    upstreams = UPSTREAMS;
    stale = () => false;
    const ports: UpstreamPorts = {
      open(remote, _source, onReply, onError) {
        const port: UpstreamPort = {
          send: (message) => {
            const copy = message.slice();
            const reply = (answer: Uint8Array): void => onReply(port, answer);
            asked.push({ to: remote.address, message: copy, reply, refuse: () => onError(port, 111) });
          },
          close: () => undefined,
        };
        return port;
      },
      close: () => Promise.resolve(),
    };
    misses = new StandbyMisses({
      clock,
      ports,
      ring: new RelayWriter(ring),
      upstreamsOf: () => upstreams,
      send: (_listener, message, length, sockaddr) =>
        sent.push({ message: message.slice(0, length), to: sockaddr[3] ?? 0 }),
      answerStale: (left) => stale(left),
    });
  });

  /** A query from the client with that port. */
  function push(client: number, name = "a.test"): void {
    const query = queryFor(name, 1, { id: client, opt: 1232 });
    const memory = new Uint8Array(query.length + 28);
    memory.set(query);
    memory.set([2, 0, 0, client, 127, 0, 0, 1], query.length);
    assert.ok(misses.push(KIND_QUERY, LISTENER, clock.monotonicMs(), memory, 0, query.length, query.length, 0, 0));
  }

  /** The asked message as an answer with one address. */
  function answerTo({ message }: Asked): Uint8Array {
    const questionEnd = message.length - 11;
    const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9];
    const answer = Uint8Array.from([...message.subarray(0, questionEnd), ...record]);
    writeU16(answer, FLAGS_AT, 0x8580);
    writeU16(answer, ANCOUNT_AT, 1);
    writeU16(answer, 10, 0);
    return answer;
  }

  /** Lets the timer of 100 ms fire for as long. */
  function pass(t: TestContext, ms: number): void {
    for (let left = ms; left > 0; left -= 100) {
      clock.advanceMs(100);
      t.mock.timers.tick(100);
    }
  }

  const start = (t: TestContext): void => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    t.after(() => misses.leave());
  };

  it("go to an upstream under an id of their own, and the answer to the client under its", (t) => {
    start(t);
    push(7);
    push(8, "b.test");
    assert.equal(asked.length, 2);
    for (const each of asked.toReversed()) each.reply(answerTo(each));
    assert.deepEqual(
      sent.map(({ message, to }) => [readU16(message, 0), to, readU16(message, ANCOUNT_AT)]),
      [
        [8, 8, 1],
        [7, 7, 1],
      ],
    );
    for (const { message } of sent) assert.equal(readU16(message, FLAGS_AT) & 0x0400, 0, "a forwarder has no AA");
    misses.leave();
    assert.deepEqual(leftInRing(ring), []);
  });

  it("are put to an upstream once in five seconds, whoever asks; TTLs grow old meanwhile", (t) => {
    start(t);
    push(7);
    const [only] = asked;
    assert.ok(only);
    only.reply(answerTo(only));
    pass(t, 2300);
    push(8, "A.Test");
    assert.deepEqual([asked.length, sent.length, misses.waiting], [1, 2, 0]);
    const message = sent[1]?.message ?? new Uint8Array(64);
    assert.deepEqual([sent[1]?.to, readU16(message, 0), message[13]], [8, 8, 0x41]);
    // 60 s, 2 s ago: the record is a pointer, type and class, then the TTL.
    const ttlAt = 12 + "a.test".length + 2 + 4 + 6;
    assert.equal(readU16(message, ttlAt + 2), 58);
    pass(t, 3000);
    push(9);
    assert.equal(asked.length, 2);
    misses.leave();
    push(9);
    assert.equal(asked.length, 3, "nothing is remembered over the time of a server");
  });

  it("wait on when a reply has another id or another question", (t) => {
    start(t);
    push(7);
    const [only] = asked;
    assert.ok(only);
    const wrongId = answerTo(only);
    writeU16(wrongId, 0, readU16(wrongId, 0) ^ 1);
    only.reply(wrongId);
    const wrongName = answerTo(only);
    wrongName[13] = 0x7a;
    only.reply(wrongName);
    assert.equal(sent.length, 0);
    only.reply(answerTo(only));
    assert.equal(sent.length, 1);
    only.reply(answerTo(only));
    assert.equal(sent.length, 1, "once");
  });

  it("go to the other upstream after a while, or at once when the first refuses", (t) => {
    start(t);
    push(7);
    pass(t, 900);
    assert.deepEqual(new Set(asked.map(({ to }) => to)), new Set(["192.0.2.1", "192.0.2.2"]));
    asked[1]?.refuse();
    pass(t, 100);
    assert.equal(asked.length, 3);
    assert.equal(asked[2]?.to, asked[0]?.to);
  });

  it("get a stale answer after 1.8 s, at once where there is nobody to ask", (t) => {
    start(t);
    const gotStale: number[] = [];
    stale = ({ sockaddr }) => gotStale.push(sockaddr[3] ?? 0) > 0;
    push(7);
    pass(t, 1700);
    assert.deepEqual(gotStale, []);
    pass(t, 200);
    assert.deepEqual(gotStale, [7]);
    upstreams = [];
    push(8);
    assert.deepEqual(gotStale, [7, 8]);
    misses.leave();
    assert.deepEqual(leftInRing(ring), []);
  });

  it("get SERVFAIL after four seconds", (t) => {
    start(t);
    upstreams = [];
    push(7);
    pass(t, 3900);
    assert.deepEqual(sent, []);
    pass(t, 200);
    assert.deepEqual(
      sent.map(({ message, to }) => [readU16(message, FLAGS_AT) & RCODE_MASK, to]),
      [[RCODE_SERVFAIL, 7]],
    );
  });

  it("are answered stale at once when many wait; when too many do, the next server has them, or SERVFAIL says no", (t) => {
    start(t);
    let stales = 0;
    stale = ({ wire }) => wire[13] === 0x73 && ++stales > 0;
    for (let i = 0; i < 1024; i++) push(i & 0xff);
    push(1, "s.test");
    assert.deepEqual([stales, misses.waiting], [1, 1024]);
    for (let i = 1024; i < 4096; i++) push(i & 0xff);
    push(2, "too.many");
    assert.equal(misses.waiting, 4096);
    assert.equal(leftInRing(ring).length, 1);
    pass(t, 2100);
    push(3, "too.late");
    assert.deepEqual([leftInRing(ring).length, misses.waiting], [0, 4096]);
    const [last] = sent.slice(-1);
    assert.deepEqual(
      [last?.to, readU16(last?.message ?? new Uint8Array(12), FLAGS_AT) & RCODE_MASK],
      [3, RCODE_SERVFAIL],
    );
  });

  it("get SERVFAIL when there is no room to leave them", (t) => {
    start(t);
    const writer = new RelayWriter(ring);
    while (writer.push(KIND_QUERY, 0, 0, new Uint8Array(0), 0, 0, -1, 0, 0));
    push(7);
    misses.leave();
    assert.deepEqual(
      sent.map(({ message, to }) => [to, readU16(message, FLAGS_AT) & RCODE_MASK]),
      [[7, RCODE_SERVFAIL]],
    );
  });

  it("are left to the next server when it comes first, with how many have died with them", (t) => {
    start(t);
    misses.deaths = 2;
    push(7);
    misses.leave();
    assert.deepEqual(
      leftInRing(ring).map(({ wire, listener, deaths, receivedAtMs }) => [[...wire], listener, deaths, receivedAtMs]),
      [[[...queryFor("a.test", 1, { id: 7, opt: 1232 })], LISTENER, 2, clock.monotonicMs()]],
    );
    const [only] = asked;
    assert.ok(only);
    only.reply(answerTo(only));
    assert.equal(sent.length, 0);
  });

  describe("of a client that waits over a connection", () => {
    const ask = (id: number, late: () => Uint8Array | undefined = () => undefined): Promise<Uint8Array> => {
      const wire = Uint8Array.from(queryFor("a.test", 1, { id, opt: 1232 }));
      const view = new QueryView();
      assert.equal(admitQuery(wire, 0, wire.length, view), VERDICT_ACCEPT);
      return misses.ask(
        LISTENER,
        new Query(wire, view, "tcp", NO_SERVER, ".", new Uint8Array(28), clock.monotonicMs()),
        late,
      );
    };

    it("come back with the upstream's answer, also when a server has come meanwhile", async (t) => {
      start(t);
      const answered = ask(7);
      misses.leave();
      const [only] = asked;
      assert.ok(only);
      only.reply(answerTo(only));
      const reply = await answered;
      assert.deepEqual([readU16(reply, 0), readU16(reply, ANCOUNT_AT)], [7, 1]);
      assert.deepEqual(leftInRing(ring), []);
    });

    it("come back stale after 1.8 s, or with SERVFAIL after four", async (t) => {
      start(t);
      const stale = ask(7, () => Uint8Array.of(1, 2, 3));
      const failed = ask(8);
      pass(t, 1900);
      assert.deepEqual(await stale, Uint8Array.of(1, 2, 3));
      pass(t, 2200);
      assert.equal(readU16(await failed, FLAGS_AT) & RCODE_MASK, RCODE_SERVFAIL);
    });

    it("come back with SERVFAIL when a server comes and there is nobody to ask", async (t) => {
      start(t);
      upstreams = [];
      const failed = ask(8);
      misses.leave();
      assert.equal(readU16(await failed, FLAGS_AT) & RCODE_MASK, RCODE_SERVFAIL);
      assert.deepEqual(leftInRing(ring), []);
    });
  });
});
