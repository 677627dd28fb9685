/**
 * The drills' upstream server on one port of 127.0.0.1: UDP by a thread of its own, TCP (which a resolver takes when it
 * is in doubt about UDP) by this one. It is no process of its own, so that it cannot be left behind.
 */
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { FRAME_PREFIX_BYTES, FrameReader } from "../src/dns/frame.ts";
import { closeFd } from "../src/linux/fd.ts";
import { openListener } from "../src/linux/udp-socket.ts";
import { answerInPlace, RESPONSE_EXTRA_BYTES } from "./upstream-answer.ts";
import {
  countQuery,
  HOT_WORD,
  MISS_WORD,
  OVERRUN_WORD,
  STOP_WORD,
  UPSTREAM_WORDS,
  type UpstreamCounts,
  type UpstreamWorkerData,
} from "./upstream-shared.ts";

export interface DrillUpstream {
  readonly port: number;
  counts(): UpstreamCounts;
  /** Asks the thread to end; takes effect within 100 ms. May be called at any time, from an exit handler too. */
  halt(): void;
  stop(): Promise<void>;
}

/**
 * @param delayMs from a query to its answer
 * @param ttl of all answers, seconds
 */
export async function startDrillUpstream(delayMs: number, ttl: number): Promise<DrillUpstream> {
  const words = new Int32Array(new SharedArrayBuffer(UPSTREAM_WORDS * 4));
  const server = createServer({ noDelay: true }, (socket) => {
    const reader = new FrameReader();
    const onMessage = async (message: Uint8Array): Promise<void> => {
      const out = new Uint8Array(FRAME_PREFIX_BYTES + message.length + RESPONSE_EXTRA_BYTES);
      out.set(message, FRAME_PREFIX_BYTES);
      countQuery(words, out, FRAME_PREFIX_BYTES);
      const length = answerInPlace(out, FRAME_PREFIX_BYTES, message.length, ttl);
      out[0] = length >> 8;
      out[1] = length & 0xff;
      await sleep(delayMs);
      if (length > 0) socket.write(out.subarray(0, FRAME_PREFIX_BYTES + length));
    };
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => {
      if (reader.push(chunk, (message) => void onMessage(message)) < 0) socket.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { fd } = openListener("127.0.0.1", port);
  const data: UpstreamWorkerData = { fd, delayMs, ttl, words };
  const worker = new Worker(new URL("./upstream.worker.ts", import.meta.url), { workerData: data });
  await once(worker, "online");
  const halt = (): void => void Atomics.store(words, STOP_WORD, 1);
  return {
    port,
    counts: () => ({
      hot: Atomics.load(words, HOT_WORD),
      misses: Atomics.load(words, MISS_WORD),
      overrun: Atomics.load(words, OVERRUN_WORD),
    }),
    halt,
    stop: async () => {
      const ended = once(worker, "exit");
      halt();
      server.close();
      await ended;
      closeFd(fd);
    },
  };
}
