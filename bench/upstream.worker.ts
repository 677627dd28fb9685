/** UDP side of the bench's upstream: a blocking loop over batches, so that it costs little beside what is measured. */
import { workerData } from "node:worker_threads";
import { BATCH_DATAGRAMS, DatagramBatch } from "../src/linux/datagram-batch.ts";
import { addToEpoll, createEpoll, EpollWaiter } from "../src/linux/epoll.ts";
import { answerInPlace } from "./template-answer.ts";
import { parseUpstreamWorkerData, STOP_AT, UDP_QUERIES_AT } from "./upstream-shared.ts";

const { fd, shared } = parseUpstreamWorkerData(workerData);
const batch = new DatagramBatch(false);
const epoll = createEpoll();
addToEpoll(epoll, fd, 0);
const waiter = new EpollWaiter(epoll);

while (Atomics.load(shared, STOP_AT) === 0) {
  let received = batch.receive(fd, false);
  if (received <= 0) {
    waiter.wait(100);
    continue;
  }
  for (; received > 0; received = received === BATCH_DATAGRAMS ? batch.receive(fd, false) : 0) {
    for (let i = 0; i < received; i++) {
      const length = answerInPlace(batch.bytes, batch.slotAt(i), batch.lengthOf(i));
      if (length > 0) batch.reply(i, length);
    }
    batch.flush(fd);
    Atomics.add(shared, UDP_QUERIES_AT, received);
  }
}
