/**
 * Asks for names that nobody has asked for, at a steady rate, and does not wait: `node bench/flooder.ts
 * '{"port":…,"queriesPerSecond":…,"seconds":…}'`.
 *
 * Half of the names do not exist. Prints how many were sent and how many answers came. Linux with FFI only.
 */
import { addToEpoll, createEpoll, EpollWaiter } from "../src/linux/epoll.ts";
import { requireLibc } from "../src/linux/libc.ts";
import { openConnected } from "../src/linux/udp-socket.ts";
import { queryFor } from "../test/support/dns-client.ts";
import { parseFloodRequest } from "./flood-source.ts";
import { FLOOD_SUFFIX } from "./slow-upstream-process.ts";

/** Client sockets, used in turn. */
const SOCKETS = 64;
/** Sent at once at most when this process was late: a flood, and no avalanche. */
const TURN_MAX = 1000;
/** After the last query, for the answers under way. */
const TAIL_MS = 1000;
const LABEL_CHARACTERS = 16;
const LABEL_AT = 13;
const DIGITS = "0123456789abcdef";

const { port, queriesPerSecond, seconds } = parseFloodRequest(process.argv[2] ?? "");
const c = requireLibc();
const epoll = createEpoll();
const waiter = new EpollWaiter(epoll);
const sockets: number[] = [];
for (let i = 0; i < SOCKETS; i++) {
  const fd = openConnected({ address: "127.0.0.1", port }, undefined);
  addToEpoll(epoll, fd, fd);
  sockets.push(fd);
}
const wire = queryFor(`${"x".repeat(LABEL_CHARACTERS)}${FLOOD_SUFFIX}`, 1, { id: 0 });
const received = new Uint8Array(4096);
const total = Math.round(queriesPerSecond * seconds);
let answered = 0;
let sent = 0;

const startMs = performance.now();
for (let nowMs = startMs; nowMs < startMs + seconds * 1000 + TAIL_MS; nowMs = performance.now()) {
  const due = Math.min(total, Math.floor(((nowMs - startMs) / 1000) * queriesPerSecond));
  for (let turn = 0; sent < due && turn < TURN_MAX; turn++) sendNext();
  const ready = waiter.wait(1);
  for (let i = 0; i < ready; i++) while (c.read(waiter.tag(i), received, received.length) > 0) answered++;
}
process.stdout.write(`${JSON.stringify({ sent, answered })}\n`);
process.exit(0);

function sendNext(): void {
  wire[0] = sent >> 8;
  wire[1] = sent;
  for (let i = 0; i < LABEL_CHARACTERS; i++) wire[LABEL_AT + i] = DIGITS.charCodeAt(Math.floor(Math.random() * 16));
  // What the upstream says does not exist begins with these two letters.
  if (sent % 2 === 0) wire.set([0x6e, 0x78], LABEL_AT);
  c.write(sockets[sent % SOCKETS] ?? -1, wire, wire.length);
  sent++;
}
