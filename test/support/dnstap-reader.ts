/**
 * A dnstap sink for tests: the reading side of Frame Streams, bidirectional, and what the messages say.
 *
 * It reads by itself, apart from the sources, from the format's description.
 */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { bytesField, numberField, protobufFields } from "./protobuf-fields.ts";

export const DNSTAP_CONTENT_TYPE = "protobuf:dnstap.Dnstap";
const ACCEPT = 1;
const START = 2;
const STOP = 3;
const READY = 4;
const FINISH = 5;

export interface Tapped {
  readonly identity: string | undefined;
  readonly version: string | undefined;
  readonly extra: string | undefined;
  /** 5 CLIENT_QUERY, 6 CLIENT_RESPONSE, 7 FORWARDER_QUERY, 8 FORWARDER_RESPONSE. */
  readonly type: number | undefined;
  readonly family: number | undefined;
  readonly protocol: number | undefined;
  readonly queryAddress: string | undefined;
  readonly responseAddress: string | undefined;
  readonly queryPort: number | undefined;
  readonly responsePort: number | undefined;
  /** Unix seconds with fraction. */
  readonly queryTime: number | undefined;
  readonly responseTime: number | undefined;
  readonly queryMessage: Uint8Array | undefined;
  readonly responseMessage: Uint8Array | undefined;
}

export interface ReaderOptions {
  /** Path of a Unix socket, or a TCP port (0: any). */
  readonly at?: string | number;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** What it accepts; default: dnstap. */
  readonly contentType?: string;
  /** Never accepts. */
  readonly mute?: boolean;
  /** Accepts, and then reads nothing more. */
  readonly stuck?: boolean;
}

export interface DnstapReader {
  readonly port: number;
  readonly messages: readonly Tapped[];
  /** Control frames in order, all connections: "READY", "START", "STOP". */
  readonly controls: readonly string[];
  readonly connections: number;
  /** Resolves when there are `count` messages in all; rejects after two seconds. */
  until(count: number): Promise<readonly Tapped[]>;
  disconnect(): void;
  close(): Promise<void>;
}

export async function startDnstapReader(options: ReaderOptions = {}): Promise<DnstapReader> {
  const messages: Tapped[] = [];
  const controls: string[] = [];
  const sockets = new Set<Socket>();
  const waiters = new Set<() => void>();
  let connections = 0;
  const serve = (socket: Socket): void => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let pending = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 4) {
        const length = pending.readUInt32BE(0);
        const isControl = length === 0;
        const bodyAt = isControl ? 8 : 4;
        if (pending.length < bodyAt) return;
        const end = bodyAt + (isControl ? pending.readUInt32BE(4) : length);
        if (pending.length < end) return;
        const body = pending.subarray(bodyAt, end);
        if (isControl) control(socket, body);
        else messages.push(readTapped(body));
        pending = pending.subarray(end);
      }
      for (const wake of waiters) wake();
    });
  };
  const control = (socket: Socket, body: Buffer): void => {
    const type = body.readUInt32BE(0);
    const contentTypes: string[] = [];
    for (let at = 4; at < body.length; at += 8 + body.readUInt32BE(at + 4)) {
      if (body.readUInt32BE(at) !== 1) throw new Error("an unknown field of a control frame");
      contentTypes.push(body.toString("latin1", at + 8, at + 8 + body.readUInt32BE(at + 4)));
    }
    const name = { [START]: "START", [STOP]: "STOP", [READY]: "READY" }[type] ?? `type ${type}`;
    controls.push(name);
    if (type !== STOP && !contentTypes.includes(DNSTAP_CONTENT_TYPE)) throw new Error(`${name} without its type`);
    if (type === READY && options.mute !== true) {
      socket.write(frame(ACCEPT, options.contentType ?? DNSTAP_CONTENT_TYPE));
      if (options.stuck === true) socket.pause();
    }
    if (type === STOP) socket.end(frame(FINISH));
  };
  const server: Server = options.tls === undefined ? createServer(serve) : createTlsServer(options.tls, serve);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (typeof options.at === "string") server.listen(options.at, resolve);
    else server.listen(options.at ?? 0, "127.0.0.1", resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === "object" ? (bound?.port ?? 0) : 0,
    messages,
    controls,
    get connections() {
      return connections;
    },
    until: (count) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (messages.length < count) return;
          clearTimeout(timer);
          waiters.delete(check);
          resolve(messages);
        };
        const timer = setTimeout(() => {
          waiters.delete(check);
          reject(new Error(`${messages.length} messages, not ${count}`));
        }, 2000);
        waiters.add(check);
        check();
      }),
    disconnect() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function frame(type: number, contentType?: string): Buffer {
  const name = Buffer.from(contentType ?? "", "latin1");
  const field = contentType === undefined ? [] : [0, 0, 0, 1, 0, 0, 0, name.length, ...name];
  return Buffer.from([0, 0, 0, 0, 0, 0, 0, 4 + field.length, 0, 0, 0, type, ...field]);
}

function readTapped(payload: Uint8Array): Tapped {
  const outer = protobufFields(payload);
  if (numberField(outer, 15) !== 1) throw new Error("a Dnstap of another type than MESSAGE");
  const inner = protobufFields(bytesField(outer, 14) ?? new Uint8Array(0));
  const text = (field: number): string | undefined => {
    const bytes = bytesField(outer, field);
    return bytes && Buffer.from(bytes).toString();
  };
  const address = (field: number): string | undefined => {
    const bytes = bytesField(inner, field);
    return bytes && (bytes.length === 4 ? bytes.join(".") : Buffer.from(bytes).toString("hex"));
  };
  const time = (field: number): number | undefined => {
    const seconds = numberField(inner, field);
    return seconds === undefined ? undefined : seconds + (numberField(inner, field + 1) ?? 0) / 1e9;
  };
  return {
    identity: text(1),
    version: text(2),
    extra: text(3),
    type: numberField(inner, 1),
    family: numberField(inner, 2),
    protocol: numberField(inner, 3),
    queryAddress: address(4),
    responseAddress: address(5),
    queryPort: numberField(inner, 6),
    responsePort: numberField(inner, 7),
    queryTime: time(8),
    responseTime: time(12),
    queryMessage: bytesField(inner, 10),
    responseMessage: bytesField(inner, 14),
  };
}
