/**
 * An upstream that takes its time with every answer: `node bench/slow-upstream.ts DELAY_MS`. UDP on 127.0.0.1.
 *
 * Writes its port to its parent when it listens; counts queries of a flood and others; ends when the parent closes the
 * channel. A received batch waits as it is, and its answers leave together. Linux with FFI only.
 */
import { DatagramBatch } from "../src/linux/datagram-batch.ts";
import { openListener } from "../src/linux/udp-socket.ts";
import { queryFor } from "../test/support/dns-client.ts";
import { FLOOD_SUFFIX } from "./slow-upstream-process.ts";
import { answerInPlace } from "./template-answer.ts";

interface Waiting {
  readonly batch: DatagramBatch;
  readonly received: number;
  readonly dueMs: number;
}

const TICK_MS = 1;
/** More would wait longer than a query does anywhere: what comes then stays in the socket. */
const BATCHES_MAX = 1024;

const delayMs = Number(process.argv[2]);
const { fd, port } = openListener("127.0.0.1", 0);
/** Labels of the suffix as they stand in a query, root included. */
const suffix = Buffer.from(queryFor(`x${FLOOD_SUFFIX}`, 1).subarray(14, -4));
const waiting: Waiting[] = [];
const free: DatagramBatch[] = [];
let batches = 0;
let flood = 0;
let other = 0;

setInterval(() => {
  const nowMs = performance.now();
  for (let first = waiting[0]; first !== undefined && first.dueMs <= nowMs; first = waiting[0]) {
    waiting.shift();
    answer(first);
    free.push(first.batch);
  }
  for (;;) {
    const batch = free.pop() ?? newBatch();
    if (batch === undefined) return;
    const received = batch.receive(fd, false);
    if (received <= 0) {
      free.push(batch);
      return;
    }
    waiting.push({ batch, received, dueMs: nowMs + delayMs });
    count(batch, received);
  }
}, TICK_MS);

function newBatch(): DatagramBatch | undefined {
  if (batches === BATCHES_MAX) return undefined;
  batches++;
  return new DatagramBatch(false);
}

function count(batch: DatagramBatch, received: number): void {
  for (let i = 0; i < received; i++) {
    const at = batch.slotAt(i);
    const query = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset + at, batch.lengthOf(i));
    if (query.includes(suffix)) flood++;
    else other++;
  }
}

function answer({ batch, received }: Waiting): void {
  for (let i = 0; i < received; i++) {
    const length = answerInPlace(batch.bytes, batch.slotAt(i), batch.lengthOf(i));
    if (length > 0) batch.reply(i, length);
  }
  batch.flush(fd);
}

process.on("message", () => process.send?.({ flood, other }));
process.on("disconnect", () => process.exit(0));
process.send?.({ port });
