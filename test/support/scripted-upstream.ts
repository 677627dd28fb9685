/**
 * An upstream DNS server that does what a test tells it to: answer, lie, wait, truncate, hang up.
 *
 * A script sees each query and gives back a reaction. Listens on 127.0.0.1, UDP and TCP on one port. It reads and writes
 * messages by itself, apart from `src/dns`, so that a mistake there does not hide itself.
 */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { anyPort } from "./free-port.ts";

export interface UpstreamQuery {
  /** Whole message, without the length prefix of TCP. */
  readonly wire: Uint8Array;
  readonly id: number;
  /** Header flags word. */
  readonly flags: number;
  /** Absolute, in the spelling of the query (`www.Example.org.`). Bytes other than letters, digits, - and _ as `\DDD`. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Offset after the question. */
  readonly questionEnd: number;
  /** DO bit of the OPT; undefined when the query has no OPT. */
  readonly dnssecOk: boolean | undefined;
  readonly transport: "udp" | "tcp";
  /** How often this question (name in any spelling, type) came so far, this time included: 1 is the first. */
  readonly count: number;
  /** Which TCP connection, counted from 1; 0 for UDP. */
  readonly connection: number;
  /** Port that it came from. */
  readonly remotePort: number;
  /** `performance.now()` of its arrival. */
  readonly atMs: number;
}

/** Parts happen in this order: wait, send, close. `{}` is silence. */
export interface Reaction {
  readonly delayMs?: number;
  /** Whole messages, sent one after another; over TCP each gets its length prefix. */
  readonly reply?: Uint8Array | readonly Uint8Array[];
  /** TCP only: bytes as they are, no length prefix (half messages). */
  readonly raw?: Uint8Array;
  /** UDP only: send from another port than the one asked. */
  readonly fromOtherPort?: true;
  /** TCP only: end the connection (`"reset"`: with RST). */
  readonly close?: true | "reset";
}

export type Script = (query: UpstreamQuery) => Reaction | Promise<Reaction>;

export interface UpstreamOptions {
  /** Default true. */
  readonly udp?: boolean;
  /** Default true. When false, connections are refused. */
  readonly tcp?: boolean;
  /** Default: any free one. */
  readonly port?: number;
  /** Default: `answerA("192.0.2.1", 60)`. */
  readonly script?: Script;
}

export interface ScriptedUpstream {
  readonly port: number;
  /** All queries so far, in order of arrival. */
  readonly queries: readonly UpstreamQuery[];
  /** TCP connections accepted so far, and those open now. */
  readonly connectionsAccepted: number;
  readonly connectionsOpen: number;
  /** From now on the script is this one. */
  use(script: Script): void;
  /** Resolves when there have been `count` queries in all; rejects after `timeoutMs` (default 2000). */
  untilQueries(count: number, timeoutMs?: number): Promise<void>;
  /** Ends all TCP connections, as an upstream does with idle ones. It goes on listening. */
  closeConnections(how?: "end" | "reset"): void;
  /** Closes sockets and connections; the port is then refused. May be called twice. */
  close(): Promise<void>;
}

/** Starts listening. Two upstreams never share a port. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<ScriptedUpstream> {
  let script = options.script ?? answerA("192.0.2.1", 60);
  const queries: UpstreamQuery[] = [];
  const counts = new Map<string, number>();
  const connections = new Set<Socket>();
  const waiters = new Set<() => void>();
  let accepted = 0;
  let closed = false;

  const take = (wire: Uint8Array, transport: "udp" | "tcp", connection: number, remotePort: number): UpstreamQuery => {
    const parsed = readQuestion(wire);
    const key = `${parsed.name.toLowerCase()} ${parsed.type}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    const query = { wire, ...parsed, transport, count, connection, remotePort, atMs: performance.now() };
    queries.push(query);
    for (const wake of waiters) wake();
    return query;
  };

  const onUdp = async (socket: UdpSocket, message: Uint8Array, remote: RemoteInfo): Promise<void> => {
    const reaction = await script(take(Uint8Array.from(message), "udp", 0, remote.port));
    if (reaction.delayMs !== undefined) await sleep(reaction.delayMs);
    if (closed) return;
    const from = reaction.fromOtherPort === true ? createSocket("udp4") : socket;
    for (const reply of replies(reaction)) {
      await new Promise<void>((resolve) => from.send(reply, remote.port, remote.address, () => resolve()));
    }
    if (from !== socket) from.close();
  };

  const onTcp = async (socket: Socket, wire: Uint8Array, connection: number): Promise<void> => {
    const reaction = await script(take(wire, "tcp", connection, socket.remotePort ?? 0));
    if (reaction.delayMs !== undefined) await sleep(reaction.delayMs);
    if (closed || socket.destroyed) return;
    for (const reply of replies(reaction)) socket.write(frame(reply));
    if (reaction.raw !== undefined) socket.write(reaction.raw);
    if (reaction.close === true) socket.end();
    if (reaction.close === "reset") socket.resetAndDestroy();
  };

  const onConnection = (socket: Socket): void => {
    const connection = ++accepted;
    connections.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => connections.delete(socket));
    let pending = new Uint8Array(0);
    socket.on("data", (chunk: Uint8Array) => {
      pending = joined(pending, chunk);
      for (;;) {
        const length = ((pending[0] ?? 0) << 8) | (pending[1] ?? 0);
        if (pending.length < 2 || pending.length < 2 + length) return;
        const wire = pending.slice(2, 2 + length);
        pending = pending.slice(2 + length);
        void onTcp(socket, wire, connection);
      }
    });
  };

  const { udp, tcp, port } = await listenOnOnePort(options, onConnection);
  udp?.on("message", (message, remote) => void onUdp(udp, message, remote));
  udp?.on("error", () => {});

  return {
    port,
    queries,
    get connectionsAccepted() {
      return accepted;
    },
    get connectionsOpen() {
      return connections.size;
    },
    use(next) {
      script = next;
    },
    async untilQueries(count, timeoutMs = 2000) {
      await new Promise<void>((resolve, reject) => {
        const check = (): void => {
          if (queries.length < count) return;
          clearTimeout(timer);
          waiters.delete(check);
          resolve();
        };
        const timer = setTimeout(() => {
          waiters.delete(check);
          reject(new Error(`upstream has seen ${queries.length} queries, not ${count}, after ${timeoutMs} ms`));
        }, timeoutMs);
        waiters.add(check);
        check();
      });
    },
    closeConnections(how = "end") {
      for (const socket of connections) {
        if (how === "end") socket.end();
        else socket.resetAndDestroy();
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      for (const socket of connections) socket.destroy();
      await Promise.all([
        udp && new Promise<void>((resolve) => udp.close(() => resolve())),
        tcp && new Promise<void>((resolve) => tcp.close(() => resolve())),
      ]);
    },
  };
}

async function listenOnOnePort(
  options: UpstreamOptions,
  onConnection: (socket: Socket) => void,
): Promise<{ udp: UdpSocket | undefined; tcp: Server | undefined; port: number }> {
  for (let attempt = 1; ; attempt++) {
    let tcp: Server | undefined;
    let udp: UdpSocket | undefined;
    const port = options.port ?? anyPort();
    try {
      if (options.tcp !== false) {
        tcp = createServer(onConnection);
        await listenTcp(tcp, port);
      }
      if (options.udp !== false) {
        udp = createSocket("udp4");
        await bindUdp(udp, port);
      }
      return { udp, tcp, port };
    } catch (error) {
      tcp?.close();
      udp?.close();
      if (options.port !== undefined || attempt === 20) throw error;
    }
  }
}

function listenTcp(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
}

function bindUdp(socket: UdpSocket, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, "127.0.0.1", () => resolve());
  });
}

function replies(reaction: Reaction): readonly Uint8Array[] {
  if (reaction.reply === undefined) return [];
  return reaction.reply instanceof Uint8Array ? [reaction.reply] : reaction.reply;
}

/* Scripts */

/** Says nothing. */
export function silence(): Script {
  return () => ({});
}

/** An A record for any question of type A (its owner is the question's name); NODATA for other types. */
export function answerA(address: string, ttl: number): Script {
  const rdata = Uint8Array.from(address.split("."), Number);
  return (query) => {
    if (query.type !== 1) return { reply: respond(query, { authority: [soa(ttl, ttl)] }) };
    return { reply: respond(query, { answers: [{ type: 1, ttl, rdata }] }) };
  };
}

/** NXDOMAIN with the SOA of the root, whose TTL and MINIMUM are these. */
export function nxdomain(soaTtl: number, minimum: number): Script {
  return (query) => ({ reply: respond(query, { rcode: 3, authority: [soa(soaTtl, minimum)] }) });
}

/** NOERROR without answers, with the SOA of the root. */
export function nodata(soaTtl: number, minimum: number): Script {
  return (query) => ({ reply: respond(query, { authority: [soa(soaTtl, minimum)] }) });
}

export function servfail(): Script {
  return withRcode(2);
}

export function refused(): Script {
  return withRcode(5);
}

/** An empty message with this rcode (0 to 15). */
export function withRcode(rcode: number): Script {
  return (query) => ({ reply: respond(query, { rcode }) });
}

/** Over UDP an empty message with TC; over TCP what `then` does. */
export function truncatedOverUdp(then: Script): Script {
  return (query) => (query.transport === "tcp" ? then(query) : { reply: respond(query, { flags: 0x0200 }) });
}

/** What `then` does, later. */
export function delayed(delayMs: number, then: Script): Script {
  return async (query) => ({ ...(await then(query)), delayMs });
}

/** The first query of each question gets the first script, its second the second …; the last goes on for ever. */
export function inTurn(...scripts: readonly Script[]): Script {
  return (query) => {
    const script = scripts[Math.min(query.count, scripts.length) - 1];
    if (script === undefined) throw new Error("inTurn needs a script");
    return script(query);
  };
}

/* Messages */

export interface ScriptedRecord {
  /** Default: the question's name (by a pointer). As text, absolute. */
  readonly owner?: string;
  readonly type: number;
  /** Default 1 (IN). */
  readonly class?: number;
  readonly ttl: number;
  readonly rdata: Uint8Array;
}

export interface ScriptedResponse {
  /** 0 to 15. Default 0. */
  readonly rcode?: number;
  /** More header flags (AA 0x0400, TC 0x0200, AD 0x0020 …); QR and RA are set, RD, CD and the opcode copied. */
  readonly flags?: number;
  /** Default: the query's. */
  readonly id?: number;
  readonly answers?: readonly ScriptedRecord[];
  readonly authority?: readonly ScriptedRecord[];
  readonly additional?: readonly ScriptedRecord[];
  /** Default: an OPT of size 1232 when the query has one. */
  readonly opt?: boolean;
}

/** A response to `query`: its id, its question, these records. */
export function respond(query: UpstreamQuery, response: ScriptedResponse): Uint8Array {
  const answers = response.answers ?? [];
  const authority = response.authority ?? [];
  const additional = response.additional ?? [];
  const opt = response.opt ?? query.dnssecOk !== undefined;
  const id = response.id ?? query.id;
  const flags = 0x8080 | (query.flags & 0x7910) | (response.flags ?? 0) | (response.rcode ?? 0);
  const header = [id, flags, 1, answers.length, authority.length, additional.length + (opt ? 1 : 0)];
  return Uint8Array.from([
    ...header.flatMap(u16),
    ...query.wire.subarray(12, query.questionEnd),
    ...[...answers, ...authority, ...additional].flatMap(recordBytes),
    ...(opt ? [0, ...u16(41), ...u16(1232), 0, 0, query.dnssecOk === true ? 0x80 : 0, 0, 0, 0] : []),
  ]);
}

/** The SOA of the root with this TTL and MINIMUM. */
export function soa(ttl: number, minimum: number): ScriptedRecord {
  const numbers = [1, 7200, 3600, 86400, minimum].flatMap(u32);
  return { owner: ".", type: 6, ttl, rdata: Uint8Array.from([...wireName("ns."), ...wireName("root."), ...numbers]) };
}

/** Uncompressed wire form of an absolute name whose labels hold no dots and no escapes. */
export function wireName(text: string): Uint8Array {
  const labels = text.split(".").filter((label) => label !== "");
  return Uint8Array.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]), 0]);
}

/** With the length prefix of TCP. */
export function frame(message: Uint8Array): Uint8Array {
  return joined(Uint8Array.from(u16(message.length)), message);
}

function recordBytes(record: ScriptedRecord): number[] {
  const owner = record.owner === undefined ? [0xc0, 0x0c] : [...wireName(record.owner)];
  const fixed = [...u16(record.type), ...u16(record.class ?? 1), ...u32(record.ttl), ...u16(record.rdata.length)];
  return [...owner, ...fixed, ...record.rdata];
}

function u16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

type Question = Pick<UpstreamQuery, "id" | "flags" | "name" | "type" | "class" | "questionEnd" | "dnssecOk">;

/** Whatever comes, this gives something: a query that makes no sense has the name "" and type 0. */
function readQuestion(wire: Uint8Array): Question {
  const word = (at: number): number => ((wire[at] ?? 0) << 8) | (wire[at + 1] ?? 0);
  let at = 12;
  let name = "";
  for (;;) {
    const length = wire[at];
    if (length === undefined || length > 63) {
      const unreadable = { name: "", type: 0, class: 0, questionEnd: Math.min(12, wire.length), dnssecOk: undefined };
      return { id: word(0), flags: word(2), ...unreadable };
    }
    at++;
    if (length === 0) break;
    for (const byte of wire.subarray(at, at + length)) {
      const char = String.fromCharCode(byte);
      name += /[\w-]/.test(char) ? char : `\\${String(byte).padStart(3, "0")}`;
    }
    name += ".";
    at += length;
  }
  const questionEnd = at + 4;
  const hasOpt = word(10) > 0 && wire[questionEnd] === 0 && word(questionEnd + 1) === 41;
  return {
    id: word(0),
    flags: word(2),
    name: name === "" ? "." : name,
    type: word(at),
    class: word(at + 2),
    questionEnd,
    dnssecOk: hasOpt ? ((wire[questionEnd + 7] ?? 0) & 0x80) !== 0 : undefined,
  };
}
