/** A fast path over a store, with everything it is made of and without sockets. */
import assert from "node:assert/strict";
import { decodeMessage, type Message } from "../../src/dns/message.ts";
import { nameFromText } from "../../src/dns/name-text.ts";
import { AnswerReader } from "../../src/server/cache/answer-reader.ts";
import type { EntryTerms } from "../../src/server/cache/slot-writer.ts";
import { FastPath, type Relay } from "../../src/server/fastpath/fast-path.ts";
import { ZoneTable } from "../../src/server/fastpath/zone-table.ts";
import { Metrics } from "../../src/server/metrics/metrics.ts";
import { PARTITION, StoreBench } from "./cached-answers.ts";
import { MemoryIo } from "./memory-io.ts";
import { responseTo, type ResponseText } from "./responses.ts";
import { testQuery, type TestQueryOptions } from "./setup-context.ts";

export const LISTENER = 5;

interface Relayed {
  readonly kind: number;
  readonly id: number;
  readonly receivedAtMs: number;
  readonly wire: Uint8Array;
  readonly sockaddrAt: number;
  readonly control: readonly [at: number, length: number];
}

/** A fast path with zones `example.org.` and, slow, `slow.test.`, over a store and without sockets. */
export class FastPathBench extends StoreBench {
  readonly io: MemoryIo = new MemoryIo();
  readonly metrics: Metrics = Metrics.create({ threads: 2 });
  readonly relayed: Relayed[] = [];
  readonly row: number = this.metrics.row("dns://:53", "example.org.", "");
  readonly zones: ZoneTable = new ZoneTable([
    { name: nameFromText("example.org."), partition: PARTITION, row: this.row, slow: false },
    { name: nameFromText("slow.test."), partition: PARTITION, row: this.row, slow: true },
    { name: nameFromText("denials.test."), partition: PARTITION, row: this.row, slow: false, seesDenials: true },
  ]);
  ringIsFull = false;
  readonly relay = {
    isPressed: false,
    push: (...record: Parameters<Relay["push"]>): boolean => this.#relay(...record),
  };
  readonly path: FastPath = this.newPath();

  constructor() {
    super();
    this.metrics.show("dns://:53", "example.org.", "");
  }

  /** Another fast path over the same store, which has answered nothing yet. */
  newPath(reader: AnswerReader = new AnswerReader(this.store.handle), metrics: Metrics = this.metrics): FastPath {
    return new FastPath({
      clock: this.clock,
      reader,
      staleReader: new AnswerReader(this.store.handle, true),
      rows: metrics.rows,
      counters: metrics.fastpath,
      thread: 1,
      relay: this.relay,
    });
  }

  #relay(
    ...[kind, id, receivedAtMs, from, payloadAt, length, sockaddrAt, ...control]: Parameters<Relay["push"]>
  ): boolean {
    if (this.ringIsFull) return false;
    const wire = from.slice(payloadAt, payloadAt + length);
    this.relayed.push({ kind, id, receivedAtMs, wire, sockaddrAt, control });
    return true;
  }

  /** Caches what answers a query of these options. */
  cache(
    name: string,
    type: string,
    text: ResponseText,
    options: TestQueryOptions = {},
    terms: Partial<EntryTerms> = {},
  ): void {
    const query = testQuery(name, type, options);
    assert.ok(this.put(query, responseTo(query, text), terms));
  }

  /** Serves one batch. @returns the replies by datagram, undefined where there was none */
  serve(...wires: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return this.serveBy(this.path, ...wires);
  }

  serveBy(path: FastPath, ...wires: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    this.io.replies.length = 0;
    this.io.put(wires);
    assert.equal(path.serve(this.io, LISTENER, this.zones), wires.length);
    return wires.map((_, i) => this.io.replies.find(({ to }) => to === i)?.wire);
  }

  /** Serves one query, which must be answered. */
  ask(wire: Uint8Array): Message {
    const [reply] = this.serve(wire);
    return decodeMessage(reply ?? assert.fail("no reply"));
  }

  /** Value of a sample; 0 when there is none. */
  count(name: string, labels: Readonly<Record<string, string>> = {}, suffix = ""): number {
    const family = this.metrics.collect().find((one) => one.name === name);
    const fits = family?.samples.filter(
      (sample) =>
        sample.suffix === suffix && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    return fits?.reduce((sum, { value }) => sum + value, 0) ?? 0;
  }
}
