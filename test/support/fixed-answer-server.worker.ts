/**
 * DNS servers that each answer every question for an A record with an address of their own: the answer says who gave it.
 *
 * A process: `node fixed-answer-server.worker.ts '[{"address":"10.0.0.1","answer":"192.0.2.1"}]'`. UDP and TCP on port 53.
 * Prints `ready`, then one line of JSON for each query (`SeenQuery`). It reads and writes messages by itself.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";

export interface FixedServer {
  /** Where it listens. */
  readonly address: string;
  /** IPv4 address that it answers with. */
  readonly answer: string;
}

export interface SeenQuery {
  readonly server: string;
  readonly transport: "udp" | "tcp";
  readonly from: string;
  readonly name: string;
}

const PORT = 53;
const TTL_SECONDS = 30;

function endOfQuestion(query: Uint8Array): number {
  let at = 12;
  while ((query[at] ?? 0) !== 0) at += (query[at] ?? 0) + 1;
  return at + 5;
}

function nameOf(query: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 12; (query[at] ?? 0) !== 0; at += (query[at] ?? 0) + 1) {
    labels.push(Buffer.from(query.subarray(at + 1, at + 1 + (query[at] ?? 0))).toString("latin1"));
  }
  return `${labels.join(".")}.`;
}

function reply(query: Uint8Array, answer: string): Uint8Array {
  const end = endOfQuestion(query);
  const isAddress = query[end - 3] === 1;
  const header = [query[0] ?? 0, query[1] ?? 0, 0x85, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0];
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, TTL_SECONDS, 0, 4, ...answer.split(".").map(Number)];
  return Uint8Array.from([...header, ...query.subarray(12, end), ...(isAddress ? record : [])]);
}

function tell(seen: SeenQuery): void {
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}

function serveConnection(socket: Socket, { address, answer }: FixedServer): void {
  let pending = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const query = pending.subarray(2, 2 + pending.readUInt16BE(0));
      pending = pending.subarray(2 + query.length);
      tell({ server: address, transport: "tcp", from: socket.remoteAddress ?? "", name: nameOf(query) });
      const wire = reply(query, answer);
      socket.write(Uint8Array.from([wire.length >> 8, wire.length & 0xff, ...wire]));
    }
  });
}

const [servers = "[]"] = process.argv.slice(2);
for (const server of JSON.parse(servers) as FixedServer[]) {
  const udp = createSocket(server.address.includes(":") ? "udp6" : "udp4");
  udp.on("message", (query, remote) => {
    tell({ server: server.address, transport: "udp", from: remote.address, name: nameOf(query) });
    udp.send(reply(query, server.answer), remote.port, remote.address);
  });
  udp.bind(PORT, server.address);
  const tcp = createServer((socket) => serveConnection(socket, server)).listen(PORT, server.address);
  await Promise.all([once(udp, "listening"), once(tcp, "listening")]);
}
process.stdout.write("ready\n");
