import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { plant, ROOT, udpFrontContract } from "../../../test/contract/udp-front.ts";
import { queryFor } from "../../../test/support/dns-client.ts";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { SOCKADDR_MAX_BYTES, writeSockaddr } from "../../base/address.ts";
import { systemClock } from "../../base/clock.ts";
import { nameFromText } from "../../dns/name-text.ts";
import { addToEpoll, createEpoll, EpollWaiter, removeFromEpoll } from "../../linux/epoll.ts";
import { closeFd, writeFd } from "../../linux/fd.ts";
import { openConnected } from "../../linux/udp-socket.ts";
import { DatagramBatch } from "../../linux/datagram-batch.ts";
import { AnswerStore } from "../cache/answer-store.ts";
import { HANDED_OVER_AT, HITS_AT } from "../metrics/fastpath-counters.ts";
import { Metrics } from "../metrics/metrics.ts";
import { FfiFront } from "./ffi-front.ts";
import type { UdpEndpoint } from "./udp-front.ts";

const onCrash = (error: unknown): never => {
  throw error;
};

/** Whether a timerfd of this process is on its way (man 5 proc_pid_fdinfo). */
function isTimerSet(): boolean {
  return readdirSync("/proc/self/fdinfo").some((fd) => {
    try {
      return /^it_value: \((?!0, 0\))/m.test(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"));
    } catch {
      // Closed meanwhile.
      return false;
    }
  });
}

describe("with FFI", { skip: withoutFfi }, () => {
  for (const threads of [1, 2]) {
    udpFrontContract(
      `FfiFront of ${threads}`,
      (parts) =>
        new FfiFront({
          ...parts,
          threads,
          onCrash,
        }),
    );
  }

  it("reads in the main thread until its own are up, which takes them a while", async (t) => {
    const store = AnswerStore.create({ bytes: 1 << 20, clock: systemClock });
    plant(store);
    const metrics = Metrics.create({ threads: 2 });
    const front = new FfiFront({
      threads: 1,
      store,
      metrics,
      onQuery: () => Promise.resolve(),
      onCrash,
    });
    t.after(() => front.end());
    const endpoint = await front.open("127.0.0.1", 0);
    const client = openConnected({ address: "127.0.0.1", port: endpoint.port }, undefined);
    const inbox = new DatagramBatch(false);
    const { fastpath } = metrics;
    const hits = (): number[] => [0, 1].map((thread) => fastpath.floats[fastpath.pageAt(thread) + HITS_AT] ?? 0);
    const answered = async (): Promise<number[]> => {
      const [main = 0, own = 0] = hits();
      assert.ok(writeFd(client, queryFor("cached.test.", 1)));
      while (inbox.receive(client, false) === 0) await sleep(1);
      // A thread counts when it has sent.
      for (;;) {
        const [mainNow = 0, ownNow = 0] = hits();
        if (mainNow + ownNow > main + own) return [mainNow, ownNow];
        await sleep(1);
      }
    };
    const served = front.serve([{ endpoint, zones: [ROOT] }]);
    assert.deepEqual(await answered(), [1, 0]);
    await served;
    assert.deepEqual(await answered(), [1, 1]);
    closeFd(client);
    inbox.close();
  });

  it("reads in the main thread while all are misses, and in its own again when that is busy or hits come", async (t) => {
    const store = AnswerStore.create({ bytes: 1 << 20, clock: systemClock });
    plant(store);
    const metrics = Metrics.create({ threads: 2 });
    const endpoints: UdpEndpoint[] = [];
    const front: FfiFront = new FfiFront({
      threads: 1,
      store,
      metrics,
      onQuery: (_id, wire, sockaddr, control) => {
        const [endpoint] = endpoints;
        if (endpoint !== undefined) front.reply(endpoint, wire, wire.length, sockaddr, control);
        return Promise.resolve();
      },
      onCrash,
    });
    t.after(() => front.end());
    const endpoint = await front.open("127.0.0.1", 0);
    endpoints.push(endpoint);
    await front.serve([{ endpoint, zones: [ROOT] }]);
    const client = openConnected({ address: "127.0.0.1", port: endpoint.port }, undefined);
    const inbox = new DatagramBatch(false);
    const handedOverIn = (thread: number): number => {
      const { fastpath } = metrics;
      return fastpath.floats[fastpath.pageAt(thread) + HANDED_OVER_AT] ?? 0;
    };
    let replies = 0;
    const ask = async (name: string): Promise<void> => {
      assert.ok(writeFd(client, queryFor(name, 1)));
      let came = 0;
      for (let waits = 0; came === 0 && waits < 1000; waits++) {
        await new Promise((resolve) => setImmediate(resolve));
        came = inbox.receive(client, false);
        if (came === 0 && waits > 100) await sleep(1);
      }
      replies += came;
    };
    const misses = async (tag: string, isSo: () => boolean): Promise<void> => {
      for (let i = 0; !isSo(); i++) {
        assert.ok(i < 20_000, `after ${i} misses: ${handedOverIn(0)} and ${handedOverIn(1)}`);
        await ask(`${tag}${i}.test.`);
      }
    };
    await misses("a", () => handedOverIn(0) > 50);
    // It goes on putting the alarm of the parked thread off, which was set when that was parked.
    await sleep(20);
    await misses("alarm", isTimerSet);
    // Hits are answered there too.
    const before = replies;
    await ask("cached.test.");
    assert.equal(replies, before + 1);

    // The main thread does something else: the other one answers a hit meanwhile.
    await misses("b", () => handedOverIn(0) > 100);
    const until = performance.now() + 2000;
    assert.ok(writeFd(client, queryFor("cached.test.", 1)));
    let came = 0;
    while (came === 0 && performance.now() < until) came = inbox.receive(client, false);
    assert.equal(came, 1, "nobody answers while the main thread is busy");

    // And back, until most are hits.
    const mainHas = handedOverIn(0);
    await misses("c", () => handedOverIn(0) > mainHas + 300);
    for (let i = 0; i < 300; i++) await ask("cached.test.");
    const mainHad = handedOverIn(0);
    for (let i = 0; i < 20; i++) await ask(`d${i}.test.`);
    assert.equal(handedOverIn(0), mainHad, "the main thread goes on reading hits");
    closeFd(client);
    inbox.close();
  });

  it("counts the replies that the kernel does not take from the main thread", async (t) => {
    const metrics = Metrics.create({ threads: 2 });
    const front = new FfiFront({
      threads: 1,
      store: AnswerStore.create({ bytes: 1 << 20, clock: systemClock }),
      metrics,
      onQuery: () => Promise.resolve(),
      onCrash,
    });
    t.after(() => front.end());
    const endpoint = await front.open("127.0.0.1", 0);
    // What goes to all is refused (EACCES), as a packet filter would (EPERM).
    const toAll = new Uint8Array(SOCKADDR_MAX_BYTES);
    writeSockaddr(toAll, 0, "255.255.255.255", 53);
    for (let i = 0; i < 3; i++) front.reply(endpoint, queryFor("a.test.", i), 20, toAll, undefined);
    await sleep(1);
    const errors = metrics.collect().find(({ name }) => name === "nodens_fastpath_send_errors_total");
    assert.deepEqual(
      errors?.samples.map(({ value }) => value),
      [0, 3],
    );
  });

  it("lets go of a listener without keeping a wake-up that another process waits for", async (t) => {
    let taken = 0;
    const front = new FfiFront({
      threads: 2,
      store: AnswerStore.create({ bytes: 1 << 20, clock: systemClock }),
      metrics: Metrics.create({ threads: 3 }),
      onQuery: () => {
        taken++;
        return Promise.resolve();
      },
      onCrash,
    });
    t.after(() => front.end());
    const endpoint = await front.open("127.0.0.1", 0);
    const { fd } = endpoint.shared ?? { fd: -1 };
    // The other process: it waits as a second instance's thread does.
    const epoll = createEpoll();
    const waiter = new EpollWaiter(epoll);
    const client = openConnected({ address: "127.0.0.1", port: endpoint.port }, undefined);
    const zones = [{ name: nameFromText("."), partition: 1, row: 0, slow: false }];
    for (let round = 0; round < 200; round++) {
      const before = taken;
      await front.serve([{ endpoint, zones }]);
      // Last in the kernel's row of who waits: the front's threads are woken first.
      removeFromEpoll(epoll, fd);
      addToEpoll(epoll, fd, 1, { exclusive: true, edge: true });
      const gone = front.serve([]);
      assert.ok(writeFd(client, queryFor(`r${round}.test.`, 1)));
      await gone;
      for (let waits = 0; taken === before && waits < 40; waits++) {
        if (waiter.wait(0) > 0) {
          // The other one would take it: here the front does.
          await front.serve([{ endpoint, zones }]);
          waits = 0;
        }
        await sleep(1);
      }
      assert.ok(taken > before, `the query of round ${round} is nobody's`);
    }
    closeFd(client);
    closeFd(epoll.fd);
    waiter.close();
  });

  it("answers what waits in a listener that it lets go of, also where queries came one by one", async (t) => {
    const store = AnswerStore.create({ bytes: 1 << 20, clock: systemClock });
    plant(store);
    const front = new FfiFront({
      threads: 1,
      store,
      metrics: Metrics.create({ threads: 2 }),
      onQuery: () => Promise.resolve(),
      onCrash,
    });
    t.after(() => front.end());
    const endpoint = await front.open("127.0.0.1", 0);
    const client = openConnected({ address: "127.0.0.1", port: endpoint.port }, undefined);
    const inbox = new DatagramBatch(false);
    const query = queryFor("cached.test.", 1);
    const answered = async (queries: number): Promise<number> => {
      let replies = 0;
      for (const endMs = performance.now() + 1000; replies < queries && performance.now() < endMs;) {
        replies += Math.max(inbox.receive(client, false), 0);
        if (replies < queries) await new Promise((resolve) => setImmediate(resolve));
      }
      return replies;
    };
    for (let round = 0; round < 50; round++) {
      await front.serve([{ endpoint, zones: [ROOT] }]);
      for (let i = 0; i < 50; i++) {
        assert.ok(writeFd(client, query));
        assert.equal(await answered(1), 1);
      }
      // By now it receives without looking whether more wait. These come while it is at the first of them.
      for (let i = 0; i < 4; i++) assert.ok(writeFd(client, query));
      await front.serve([]);
      assert.equal(await answered(4), 4, `round ${round}`);
    }
    closeFd(client);
    inbox.close();
  });

  it("is written to no more by a query that is answered when it has ended", async () => {
    const answered = Promise.withResolvers<void>();
    let taken = 0;
    const front = new FfiFront({
      threads: 1,
      store: AnswerStore.create({ bytes: 1 << 20, clock: systemClock }),
      metrics: Metrics.create({ threads: 2 }),
      onQuery: () => {
        taken++;
        return answered.promise;
      },
      outlived: true,
      onCrash,
    });
    const endpoint = await front.open("127.0.0.1", 0);
    await front.serve([{ endpoint, zones: [ROOT] }]);
    const client = openConnected({ address: "127.0.0.1", port: endpoint.port }, undefined);
    assert.ok(writeFd(client, queryFor("late.test.", 1)));
    while (taken === 0) await sleep(1);
    await front.end();
    // The memory in which it stood is unmapped: a write would end the process.
    answered.resolve();
    await sleep(20);
    closeFd(client);
  });
});
