import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { type ReaderOptions, startDnstapReader, type DnstapReader } from "../../../../test/support/dnstap-reader.ts";
import { encodeDnstap } from "./message.ts";
import { Sink, type SinkOptions } from "./sink.ts";

interface Bench {
  readonly sink: Sink;
  readonly troubles: string[];
  readonly counts: { sent: number; dropped: number };
}

function sinkTo(t: TestContext, port: number, options: Partial<SinkOptions> = {}): Bench {
  const troubles: string[] = [];
  const counts = { sent: 0, dropped: 0 };
  const sink = new Sink({
    dial: () => ({ socket: connect(port, "127.0.0.1"), readyEvent: "connect" }),
    queueFrames: 100,
    queueBytes: 100_000,
    unsentBytes: 50_000,
    onSent: (frames) => (counts.sent += frames),
    onDropped: () => void counts.dropped++,
    onTrouble: (why) => troubles.push(why),
    ...options,
  });
  t.after(() => sink.close());
  return { sink, troubles, counts };
}

async function reader(t: TestContext, options: ReaderOptions = {}): Promise<DnstapReader> {
  const started = await startDnstapReader(options);
  t.after(() => started.close());
  return started;
}

const origin = { identity: Buffer.from("i"), version: Buffer.from("v") };
const message = (extra: string, wire?: Uint8Array): Uint8Array =>
  encodeDnstap(origin, extra, { type: 5, proto: "udp", queryTimeMs: 1500.25, queryMessage: wire });

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(holds());
}

describe("a dnstap sink", () => {
  it("is greeted, written to in order, and said goodbye to", async (t) => {
    const read = await reader(t);
    const { sink, counts } = sinkTo(t, read.port);
    sink.write(message("before the connection"));
    sink.start();
    await read.until(1);
    sink.write(message("a"));
    sink.write(message("b"));
    await sink.close();
    assert.deepEqual(
      read.messages.map(({ extra }) => extra),
      ["before the connection", "a", "b"],
    );
    assert.deepEqual(read.controls, ["READY", "START", "STOP"]);
    assert.deepEqual(counts, { sent: 3, dropped: 0 });
    sink.write(message("too late"));
    assert.equal(counts.dropped, 1);
  });

  it("is connected to again, and misses only what was on its way", async (t) => {
    const read = await reader(t);
    const { sink, troubles } = sinkTo(t, read.port);
    sink.start();
    sink.write(message("1"));
    await read.until(1);
    read.disconnect();
    await until(() => troubles.length === 1);
    sink.write(message("2"));
    await read.until(2);
    assert.equal(read.messages[1]?.extra, "2");
    assert.equal(read.connections, 2);
    assert.equal(troubles.length, 1);
  });

  it("that is not there is tried again and again, and told of once", async (t) => {
    const gone = await startDnstapReader();
    await gone.close();
    const { sink, troubles } = sinkTo(t, gone.port);
    sink.start();
    await until(() => troubles.length === 1);
    assert.match(troubles[0] ?? "", /ECONNREFUSED/);
    sink.write(message("1"));
    const back = await reader(t, { at: gone.port });
    await back.until(1);
    assert.equal(troubles.length, 1);
  });

  it("that takes other things than dnstap is left", async (t) => {
    const read = await reader(t, { contentType: "protobuf:other" });
    const { sink, troubles } = sinkTo(t, read.port);
    sink.start();
    await until(() => troubles.length === 1);
    assert.equal(troubles[0], "it does not read dnstap");
    assert.deepEqual(read.controls.slice(0, 1), ["READY"]);
  });

  it("has a queue with bounds in messages and in bytes", async (t) => {
    const read = await reader(t, { mute: true });
    const few = sinkTo(t, read.port);
    few.sink.start();
    for (let i = 0; i < 130; i++) few.sink.write(message(String(i)));
    assert.deepEqual(few.counts, { sent: 0, dropped: 30 });
    const big = sinkTo(t, read.port);
    for (let i = 0; i < 10; i++) big.sink.write(message("", new Uint8Array(30_000)));
    assert.deepEqual(big.counts, { sent: 0, dropped: 7 });
  });

  it("that stops reading costs no more than its bounds, and does not hold up the end", async (t) => {
    const read = await reader(t, { stuck: true });
    const { sink, counts } = sinkTo(t, read.port);
    sink.start();
    for (let i = 0; i < 400 && counts.dropped === 0; i++) {
      for (let j = 0; j < 4; j++) sink.write(message("", new Uint8Array(20_000)));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.ok(counts.dropped > 0);
  });
});
