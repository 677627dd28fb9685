import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { udpFrontContract } from "../../../test/contract/udp-front.ts";
import { queryFor } from "../../../test/support/dns-client.ts";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { systemClock } from "../../base/clock.ts";
import { nameFromText } from "../../dns/name-text.ts";
import { addToEpoll, createEpoll, EpollWaiter, removeFromEpoll } from "../../linux/epoll.ts";
import { closeFd, writeFd } from "../../linux/fd.ts";
import { openConnected } from "../../linux/udp-socket.ts";
import { AnswerStore } from "../cache/answer-store.ts";
import { Metrics } from "../metrics/metrics.ts";
import { FfiFront } from "./ffi-front.ts";

describe("with FFI", { skip: withoutFfi }, () => {
  for (const threads of [1, 2]) {
    udpFrontContract(
      `FfiFront of ${threads}`,
      (parts) =>
        new FfiFront({
          ...parts,
          threads,
          onCrash: (error) => {
            throw error;
          },
        }),
    );
  }

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
      onCrash: (error) => {
        throw error;
      },
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
});
