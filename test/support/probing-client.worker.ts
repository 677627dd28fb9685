/**
 * A DNS client that asks again and again and tells what became of each query, as `dig +tries=1 +time=1` in a loop would.
 *
 * A process: `node probing-client.worker.ts PORT INTERVAL_MS NAME ADDRESS…`. Each address has a loop over UDP and one over TCP:
 * a query from a new socket, its answer or a second without one, the next one at the next interval. Prints `ready`, then a
 * line of JSON for each query (`Probe`). Ends on SIGTERM, when the last queries have ended.
 */
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { queryFor } from "./dns-client.ts";

export interface Probe {
  readonly address: string;
  readonly transport: "udp" | "tcp";
  /** When it was sent, ms of the wall clock. */
  readonly sentMs: number;
  readonly tookMs: number;
  /** Last four bytes of the answer as an IPv4 address, or undefined. */
  readonly answer?: string;
  /** Why there is none: `timeout`, `ECONNREFUSED`, `closed`. */
  readonly error?: string;
}

const TIMEOUT_MS = 1000;
const TYPE_A = 1;

type Outcome = { readonly answer: string } | { readonly error: string };

function answered(message: Uint8Array): Outcome {
  return { answer: message.subarray(-4).join(".") };
}

function reasonOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

async function overUdp(address: string, port: number, wire: Uint8Array): Promise<Outcome> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const timer = setTimeout(() => resolve({ error: "timeout" }), TIMEOUT_MS);
  socket.on("error", (error) => resolve({ error: reasonOf(error) }));
  socket.on("message", (message) => resolve(answered(message)));
  socket.connect(port, address, (error?: Error) => {
    if (error === undefined || error === null) socket.send(wire);
    else resolve({ error: reasonOf(error) });
  });
  const outcome = await promise;
  clearTimeout(timer);
  socket.close();
  return outcome;
}

async function overTcp(address: string, port: number, wire: Uint8Array): Promise<Outcome> {
  const socket = connect(port, address);
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const timer = setTimeout(() => resolve({ error: "timeout" }), TIMEOUT_MS);
  let got = Buffer.alloc(0);
  socket.on("error", (error) => resolve({ error: reasonOf(error) }));
  socket.on("close", () => resolve({ error: "closed" }));
  socket.on("data", (chunk: Buffer) => {
    got = Buffer.concat([got, chunk]);
    if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) resolve(answered(got));
  });
  socket.write(Uint8Array.from([wire.length >> 8, wire.length & 0xff, ...wire]));
  const outcome = await promise;
  clearTimeout(timer);
  socket.destroy();
  return outcome;
}

const [port = "53", intervalMs = "20", name = "a.example.org", ...addresses] = process.argv.slice(2);

let stopping = false;
process.once("SIGTERM", () => (stopping = true));

async function probe(address: string, transport: Probe["transport"]): Promise<void> {
  const startedMs = performance.now();
  const ask = transport === "udp" ? overUdp : overTcp;
  const outcome = await ask(address, Number(port), queryFor(name, TYPE_A));
  const tookMs = performance.now() - startedMs;
  const told: Probe = { address, transport, sentMs: performance.timeOrigin + startedMs, tookMs, ...outcome };
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

async function loop(address: string, transport: Probe["transport"]): Promise<void> {
  for (let dueMs = performance.now(); !stopping; dueMs += Number(intervalMs)) {
    const lateMs = performance.now() - dueMs;
    if (lateMs < 0) await sleep(-lateMs);
    else dueMs += lateMs;
    await probe(address, transport);
  }
}

process.stdout.write("ready\n");
for (const address of addresses) {
  void loop(address, "udp");
  void loop(address, "tcp");
}
