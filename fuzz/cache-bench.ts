/** A cache of its own with a clock that stands still, the chain's way into it and the fast path's way out. */
import { FakeClock } from "../src/base/clock.ts";
import { nameFromText } from "../src/dns/name-text.ts";
import { AnswerReader } from "../src/server/cache/answer-reader.ts";
import { AnswerStore } from "../src/server/cache/answer-store.ts";
import type { Answer } from "../src/server/chain/answer.ts";
import type { Handler } from "../src/server/chain/handler.ts";
import type { Query } from "../src/server/chain/query.ts";
import { FastPath } from "../src/server/fastpath/fast-path.ts";
import { ZoneTable } from "../src/server/fastpath/zone-table.ts";
import { Metrics } from "../src/server/metrics/metrics.ts";
import { cache } from "../src/server/plugins/cache/cache.ts";
import { setUp } from "../test/support/setup-context.ts";
import { MemoryIo } from "./memory-io.ts";

const CACHE_BYTES = 4 * 1024 * 1024;

export class CacheBench {
  readonly clock: FakeClock;
  readonly io: MemoryIo;
  /** What the fast path handed to the main thread: bytes of the datagram, or -1. */
  relayedLength: number;
  readonly #fastPath: FastPath;
  readonly #zones: ZoneTable;
  readonly #handler: Handler;
  readonly #store: AnswerStore;
  readonly #partition: number;
  #upstream: (query: Query) => Answer;

  private constructor(parts: ConstructorParts) {
    this.clock = parts.clock;
    this.#store = parts.store;
    this.#partition = parts.partition;
    this.io = new MemoryIo();
    this.relayedLength = -1;
    this.#fastPath = new FastPath({
      clock: parts.clock,
      reader: new AnswerReader(parts.store.handle),
      rows: parts.metrics.rows,
      counters: parts.metrics.fastpath,
      thread: 1,
      relay: {
        push: (_kind, _id, _atMs, _from, _at, length) => {
          this.relayedLength = length;
          return true;
        },
      },
    });
    this.#zones = new ZoneTable([
      { name: nameFromText("cluster.local."), partition: parts.partition, row: 0, slow: false },
      { name: nameFromText("."), partition: parts.partition, row: 1, slow: false },
    ]);
    this.#upstream = () => {
      throw new Error("the cache asked when it should not");
    };
    this.#handler = parts.link({ serve: (query) => Promise.resolve(this.#upstream(query)) });
  }

  static async create(): Promise<CacheBench> {
    const clock = new FakeClock();
    const store = AnswerStore.create({ bytes: CACHE_BYTES, clock });
    const metrics = Metrics.create({ threads: 2 });
    const partition = store.partition("fuzz");
    const { instance } = setUp(cache, ".:53 {\ncache\n}", { store, clock, metrics, partition });
    await instance.start?.();
    const link = (next: Handler): Handler => {
      const handler = instance.handler?.(next);
      if (handler === undefined) throw new Error("the cache has no link");
      return handler;
    };
    return new CacheBench({ clock, store, metrics, partition, link });
  }

  /** Through the chain. */
  ask(query: Query, upstream: (query: Query) => Answer): Promise<Answer> {
    this.#upstream = upstream;
    return this.#handler.serve(query);
  }

  /** Takes away what is held for a question. */
  forget(query: Query): void {
    this.#store.remove(query.wire, query.view, this.#partition);
  }

  /** Through the fast path: the reply is in `io`, or the length of what was relayed in `relayedLength`. */
  serve(datagram: Uint8Array): void {
    this.relayedLength = -1;
    this.io.load(datagram);
    this.#fastPath.serve(this.io, 0, this.#zones);
  }
}

interface ConstructorParts {
  readonly clock: FakeClock;
  readonly store: AnswerStore;
  readonly metrics: Metrics;
  readonly partition: number;
  readonly link: (next: Handler) => Handler;
}
