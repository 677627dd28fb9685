/**
 * A paced UDP client that times each query: `node bench/prober.ts '{"port":…,"names":[…],"queriesPerSecond":…,"seconds":…}'`.
 *
 * dnsperf 2.10 tells only the average and the longest latency. This measures from just before `write` to just after epoll
 * says that the answer is there, and with `spin` does not sleep in between. Prints one JSON object. Linux with FFI only.
 */
import { addToEpoll, createEpoll, EpollWaiter } from "../src/linux/epoll.ts";
import { requireLibc } from "../src/linux/libc.ts";
import { openConnected } from "../src/linux/udp-socket.ts";
import { queryFor } from "../test/support/dns-client.ts";
import { latencySummary, parseProbeRequest } from "./probe-summary.ts";

/** Client sockets, used in turn. */
const SOCKETS = 32;
/** After the last query, for the answers under way. */
const TAIL_MS = 1000;

const request = parseProbeRequest(process.argv[2] ?? "");
const c = requireLibc();
const epoll = createEpoll();
const waiter = new EpollWaiter(epoll);
const sockets: number[] = [];
for (let i = 0; i < SOCKETS; i++) {
  const fd = openConnected({ address: "127.0.0.1", port: request.port }, undefined);
  addToEpoll(epoll, fd, fd);
  sockets.push(fd);
}
const wires = request.names.map((name) => queryFor(name, 1, { id: 0 }));

const total = Math.round(request.queriesPerSecond * request.seconds);
const intervalMs = 1000 / request.queriesPerSecond;
/** By query id. An id is used again only after 65,536 others: 6 s at 10,000 a second, longer than anyone waits. */
const sentAtMs = new Float64Array(65_536).fill(Number.NaN);
const latenciesMs = new Float64Array(total);
const received = new Uint8Array(4096);
let answered = 0;
let sent = 0;

const startMs = performance.now();
let lastMs = startMs;
while (answered < total && (sent < total || lastMs < startMs + request.seconds * 1000 + TAIL_MS)) {
  const ready = waiter.wait(request.spin ? 0 : 1);
  lastMs = performance.now();
  for (let i = 0; i < ready; i++) {
    if (c.read(waiter.tag(i), received, received.length) < 12) continue;
    const id = ((received[0] ?? 0) << 8) | (received[1] ?? 0);
    const latencyMs = lastMs - (sentAtMs[id] ?? Number.NaN);
    sentAtMs[id] = Number.NaN;
    if (latencyMs >= 0) latenciesMs[answered++] = latencyMs;
  }
  if (sent < total && lastMs >= startMs + sent * intervalMs) {
    const wire = wires[sent % wires.length] ?? received;
    const id = sent & 0xffff;
    wire[0] = id >> 8;
    wire[1] = id & 0xff;
    sentAtMs[id] = performance.now();
    c.write(sockets[sent % SOCKETS] ?? -1, wire, wire.length);
    sent++;
  }
}
process.stdout.write(`${JSON.stringify(latencySummary(latenciesMs.subarray(0, answered), sent))}\n`);
process.exit(0);
