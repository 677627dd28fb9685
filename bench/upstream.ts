/**
 * The bench's upstream server: a process of its own, UDP and TCP on one port of 127.0.0.1.
 *
 * Writes its port to its parent when it listens; counts its queries; ends when the parent closes the channel.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { Worker } from "node:worker_threads";
import { FRAME_PREFIX_BYTES, FrameReader } from "../src/dns/frame.ts";
import { libc } from "../src/linux/libc.ts";
import { openListener } from "../src/linux/udp-socket.ts";
import { answerInPlace, RESPONSE_EXTRA_BYTES } from "./template-answer.ts";
import { SHARED_WORDS, STOP_AT, TCP_QUERIES_AT, UDP_QUERIES_AT } from "./upstream-shared.ts";

const shared = new Int32Array(new SharedArrayBuffer(SHARED_WORDS * 4));

const server = createServer({ noDelay: true }, (socket) => {
  const reader = new FrameReader();
  let out = new Uint8Array(4096);
  let used = 0;
  const onMessage = (message: Uint8Array): void => {
    const needed = used + FRAME_PREFIX_BYTES + message.length + RESPONSE_EXTRA_BYTES;
    if (needed > out.length) {
      const grown = new Uint8Array(needed * 2);
      grown.set(out.subarray(0, used));
      out = grown;
    }
    const at = used + FRAME_PREFIX_BYTES;
    out.set(message, at);
    const length = answerInPlace(out, at, message.length);
    if (length === 0) return;
    out[used] = length >> 8;
    out[used + 1] = length & 0xff;
    used = at + length;
    Atomics.add(shared, TCP_QUERIES_AT, 1);
  };
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => {
    if (reader.push(chunk, onMessage) < 0) socket.destroy();
    else if (used > 0) socket.write(out.slice(0, used));
    used = 0;
  });
});

server.listen(0, "127.0.0.1", () => {
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  if (libc() === undefined) answerByDgram(port);
  else answerByBatches(port);
});

function answerByBatches(port: number): void {
  const { fd } = openListener("127.0.0.1", port);
  const worker = new Worker(new URL("./upstream.worker.ts", import.meta.url), { workerData: { fd, shared } });
  worker.once("online", () => process.send?.({ port }));
}

function answerByDgram(port: number): void {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  socket.on("message", (message, remote) => {
    const out = new Uint8Array(message.length + RESPONSE_EXTRA_BYTES);
    out.set(message);
    const length = answerInPlace(out, 0, message.length);
    Atomics.add(shared, UDP_QUERIES_AT, 1);
    if (length > 0) socket.send(out.subarray(0, length), remote.port, remote.address, () => {});
  });
  socket.bind(port, "127.0.0.1", () => process.send?.({ port }));
}

process.on("message", () => {
  process.send?.({ udp: Atomics.load(shared, UDP_QUERIES_AT) >>> 0, tcp: Atomics.load(shared, TCP_QUERIES_AT) >>> 0 });
});
process.on("disconnect", () => {
  Atomics.store(shared, STOP_AT, 1);
  // The loop looks at the word within 100 ms; a thread inside a blocking call cannot be ended otherwise.
  setTimeout(() => process.exit(0), 200);
});
