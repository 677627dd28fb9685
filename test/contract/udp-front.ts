/** What every `UdpFront` promises. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/base/clock.ts";
import { BindError } from "../../src/base/bind-error.ts";
import { decodeMessage } from "../../src/dns/message.ts";
import { nameFromText } from "../../src/dns/name-text.ts";
import { admitQuery, QueryView } from "../../src/dns/query-view.ts";
import { ResponseScan, scanResponse } from "../../src/dns/response-scan.ts";
import { AnswerStore } from "../../src/server/cache/answer-store.ts";
import { KIND_SUCCESS } from "../../src/server/cache/region-layout.ts";
import type { QueryListener, UdpEndpoint, UdpFront } from "../../src/server/fastpath/udp-front.ts";
import type { FastZone } from "../../src/server/fastpath/zone-table.ts";
import { Metrics } from "../../src/server/metrics/metrics.ts";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { positive } from "../support/responses.ts";
import { testQuery } from "../support/setup-context.ts";

export interface FrontParts {
  readonly store: AnswerStore;
  readonly metrics: Metrics;
  readonly onQuery: QueryListener;
}

const PARTITION = 7;
export const ROOT: FastZone = { name: nameFromText("."), partition: PARTITION, row: 0, slow: false };

interface Bench {
  readonly front: UdpFront;
  readonly metrics: Metrics;
  /** Queries handed over, with the endpoint's id. */
  readonly queries: { readonly endpoint: number; readonly wire: Uint8Array }[];
  /** Ends the front, once. */
  end(): Promise<void>;
}

/** @param open makes one; the suite ends it */
export function udpFrontContract(name: string, open: (parts: FrontParts) => UdpFront): void {
  /** A front that knows `cached.test. A`, and answers what is handed over with its query, QR set. */
  const start = (t: TestContext, answer = true): Bench => {
    const store = AnswerStore.create({ bytes: 1 << 20, clock: systemClock });
    plant(store);
    const metrics = Metrics.create({ threads: 3 });
    const queries: Bench["queries"] = [];
    const endpoints = new Map<number, UdpEndpoint>();
    const front = open({
      store,
      metrics,
      onQuery: async (id, wire, sockaddr, control) => {
        queries.push({ endpoint: id, wire });
        const endpoint = endpoints.get(id);
        if (!answer || endpoint === undefined) return;
        const reply = wire.slice();
        reply[2] = (reply[2] ?? 0) | 0x80;
        front.reply(endpoint, reply, reply.length, sockaddr, control);
        reply.fill(0); // it has been copied
      },
    });
    const openEndpoint = front.open.bind(front);
    front.open = async (address, port) => {
      const endpoint = await openEndpoint(address, port);
      endpoints.set(endpoint.id, endpoint);
      return endpoint;
    };
    let ended: Promise<void> | undefined;
    const end = (): Promise<void> => (ended ??= front.end());
    t.after(end);
    return { front, metrics, queries, end };
  };
  const serve = async (front: UdpFront, address = "127.0.0.1"): Promise<UdpEndpoint> => {
    const endpoint = await front.open(address, 0);
    await front.serve([{ endpoint, zones: [ROOT] }]);
    return endpoint;
  };

  describe(`${name}, as a UDP front`, () => {
    it("answers what is cached, and hands over the rest and sends the replies to that", async (t) => {
      const { front, queries, metrics } = start(t);
      const { port, id } = await serve(front);
      const hit = decodeMessage(await askUdp({ port, wire: queryFor("Cached.TEST.", 1) }));
      assert.equal(hit.answers.length, 1);
      assert.equal(queries.length, 0);
      const wire = queryFor("other.test.", 1);
      const reply = await askUdp({ port, wire });
      assert.deepEqual(reply.subarray(4), wire.subarray(4));
      assert.deepEqual(queries, [{ endpoint: id, wire }]);
      // A thread counts after it has sent.
      const hits = (): number | undefined =>
        metrics.collect().find((family) => family.name === "nodens_fastpath_hits_total")?.samples[0]?.value;
      for (let waits = 0; hits() === 0 && waits < 200; waits++) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(hits(), 1);
    });

    for (const [bind, asked] of [
      ["::", "127.0.0.1"],
      ["::", "::1"],
      ["0.0.0.0", "127.0.0.1"],
      ["::1", "::1"],
    ] as const) {
      it(`answers hits and others at ${asked} when bound to ${bind}`, async (t) => {
        const { front } = start(t);
        const { port } = await serve(front, bind);
        for (const [name, answers] of [
          ["cached.test.", 1],
          ["other.test.", 0],
        ] as const) {
          const reply = await askUdp({ port, address: asked, wire: queryFor(name, 1) });
          assert.equal(decodeMessage(reply).answers.length, answers);
        }
      });
    }

    it("answers what came to an endpoint before it was served", async (t) => {
      const { front } = start(t);
      const endpoint = await front.open("127.0.0.1", 0);
      const replies = [
        askUdp({ port: endpoint.port, wire: queryFor("cached.test.", 1) }),
        askUdp({ port: endpoint.port, wire: queryFor("other.test.", 1) }),
      ];
      await sleep(20);
      await front.serve([{ endpoint, zones: [ROOT] }]);
      assert.equal((await Promise.all(replies)).length, 2);
      assert.ok(await askUdp({ port: endpoint.port, wire: queryFor("later.test.", 1) }));
    });

    it("serves several endpoints, each its own zones, and each change as a whole", async (t) => {
      const { front, queries } = start(t);
      const [one, two] = [await front.open("127.0.0.1", 0), await front.open("127.0.0.1", 0)];
      assert.notEqual(one.id, two.id);
      const zone = { ...ROOT, name: nameFromText("cached.test.") };
      await front.serve([
        { endpoint: one, zones: [ROOT] },
        { endpoint: two, zones: [zone] },
      ]);
      const rcode = async ({ port }: UdpEndpoint, name: string): Promise<number> =>
        decodeMessage(await askUdp({ port, wire: queryFor(name, 1) })).rcode;
      assert.deepEqual([await rcode(one, "x.test."), await rcode(two, "x.test.")], [0, 5]);
      assert.deepEqual([await rcode(one, "cached.test."), await rcode(two, "cached.test.")], [0, 0]);
      await front.serve([{ endpoint: one, zones: [{ ...zone, slow: true }] }]);
      front.close(two);
      assert.deepEqual([await rcode(one, "x.test."), await rcode(one, "cached.test.")], [5, 0]);
      assert.deepEqual(
        queries.map(({ endpoint }) => endpoint),
        [one.id, one.id],
      );
      await assert.rejects(askUdp({ port: two.port, wire: queryFor("cached.test.", 1), timeoutMs: 200 }));
    });

    it("serves endpoints that come and go after it had time to settle", async (t) => {
      const { front } = start(t);
      const one = await serve(front);
      // A thread has warmed up by then, and waits in its one socket.
      await sleep(1500);
      const ask = async ({ port }: UdpEndpoint, name: string): Promise<number> =>
        decodeMessage(await askUdp({ port, wire: queryFor(name, 1) })).answers.length;
      assert.deepEqual([await ask(one, "cached.test."), await ask(one, "other.test.")], [1, 0]);
      const two = await front.open("127.0.0.1", 0);
      await front.serve([one, two].map((endpoint) => ({ endpoint, zones: [ROOT] })));
      assert.deepEqual([await ask(two, "cached.test."), await ask(one, "cached.test.")], [1, 1]);
      await front.serve([{ endpoint: two, zones: [ROOT] }]);
      front.close(one);
      await sleep(250);
      assert.deepEqual([await ask(two, "other.test."), await ask(two, "cached.test.")], [0, 1]);
    });

    it("has handed over what came before, when it serves no more", async (t) => {
      const { front, queries } = start(t, false);
      const { port } = await serve(front);
      const client = await socket(t);
      for (let i = 0; i < 100; i++) client.send(queryFor(`n${i}.test.`, 1), port, "127.0.0.1");
      await sleep(20);
      await front.serve([]);
      assert.equal(queries.length, 100);
      client.send(queryFor("late.test.", 1), port, "127.0.0.1");
      await sleep(20);
      assert.equal(queries.length, 100);
    });

    it("sends what was given to it before it ends", async (t) => {
      const { front, queries, end } = start(t, true);
      const { port } = await serve(front);
      const client = await socket(t);
      const replies: Uint8Array[] = [];
      client.on("message", (message) => replies.push(message));
      for (let i = 0; i < 10; i++) client.send(queryFor(`n${i}.test.`, 1), port, "127.0.0.1");
      while (queries.length < 10) await sleep(1);
      await end();
      await sleep(20);
      assert.equal(replies.length, 10);
    });

    it("says that an address is in use, and frees those it closed", async (t) => {
      const { front, end } = start(t);
      const endpoint = await front.open("127.0.0.1", 0);
      await assert.rejects(
        front.open("127.0.0.1", endpoint.port),
        (error) => error instanceof BindError && error.port === endpoint.port && error.message.includes("in use"),
      );
      front.close(endpoint);
      const again = await front.open("127.0.0.1", endpoint.port);
      assert.equal(again.port, endpoint.port);
      await end();
      const other = await socket(t, endpoint.port);
      assert.equal(other.address().port, endpoint.port);
    });
  });
}

/** Puts the answer to `cached.test. A` in. */
export function plant(store: AnswerStore): void {
  const query = testQuery("cached.test.", "A");
  const view = new QueryView();
  admitQuery(query.wire, 0, query.wire.length, view);
  const message = positive(query, 300);
  const scan = new ResponseScan();
  assert.equal(scanResponse(message, 0, message.length, scan), 0);
  store.put(query.wire, view, PARTITION, message, scan, {
    kind: KIND_SUCCESS,
    ttlS: 300,
    staleS: 0,
    deniesName: false,
    aside: false,
    keepTtl: false,
    authoritative: false,
    answers: true,
  });
}

async function socket(t: TestContext, port = 0): Promise<Socket> {
  const client = createSocket("udp4");
  client.bind(port, "127.0.0.1");
  await once(client, "listening");
  t.after(() => client.close());
  return client;
}
