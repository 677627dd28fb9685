/**
 * The one HTTP listener of the admin API: on a socket file that only its user may open, or on loopback.
 *
 * HTTP is loaded at the first connection: a server that nobody looks into is spared its memory. The bounds are those of
 * `http-listener.ts`. On loopback, where any local program and any page in a local browser may send requests, `Host` must name
 * loopback (against DNS rebinding); nothing can be changed by this API.
 */
import { chmodSync, existsSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { NodensError } from "../../base/errors.ts";
import { type AdminAddress, formatAdminAddress, isLoopback } from "./admin-address.ts";
import { answer, boundedServer, type HttpHandler, MAX_CONNECTIONS } from "./http-listener.ts";

/** The admin API cannot be served there. */
export class AdminBindError extends NodensError {
  readonly code = "NODENS_ADMIN_BIND";
  /** Another process serves there. */
  readonly inUse: boolean;

  constructor(address: AdminAddress, fact: string, inUse: boolean, cause?: unknown) {
    super(`cannot serve the admin API on ${formatAdminAddress(address)}: ${fact}`, {
      cause,
      hint: "Choose another place with --admin, or none with --admin none",
    });
    this.inUse = inUse;
  }
}

const OWNER_ONLY = 0o177;
const PROBE_MS = 1000;

export class AdminListener {
  /** With the port that the kernel chose. */
  readonly address: AdminAddress;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  #http: HttpServer | undefined;

  private constructor(server: Server, address: AdminAddress) {
    this.#server = server;
    this.address = address;
    this.#sockets = new Set();
    this.#http = undefined;
  }

  /**
   * @param route gives the handler of a path, or undefined for none
   * @param onDefect told what a handler threw; the client gets 500
   * @throws AdminBindError
   */
  static async open(
    address: AdminAddress,
    route: (path: string) => HttpHandler | undefined,
    onDefect: (error: unknown) => void,
  ): Promise<AdminListener> {
    const server = createServer();
    server.maxConnections = MAX_CONNECTIONS;
    const bound = await bind(server, address);
    const listener = new AdminListener(server, bound);
    // Such as EMFILE while accepting: the client sees a closed connection.
    server.on("error", () => {});
    server.on("connection", (socket) => listener.#take(socket, route, onDefect));
    return listener;
  }

  /** Closes all connections and takes the socket file away. Never rejects. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.#http?.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #take(socket: Socket, route: (path: string) => HttpHandler | undefined, onDefect: (error: unknown) => void): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#http === undefined) {
      const isTcp = this.address.kind === "tcp";
      const serve = (request: IncomingMessage, response: ServerResponse): void => {
        if (isTcp && !namesLoopback(request.headers.host)) {
          response.writeHead(403, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" });
          response.end("Forbidden: Host must name loopback\n");
          return;
        }
        void answer(request, response, route, onDefect);
      };
      this.#http = boundedServer(serve);
      // It does not listen itself; this begins its checks of time.
      this.#http.emit("listening");
    }
    this.#http.emit("connection", socket);
  }
}

function namesLoopback(host: string | undefined): boolean {
  const name = (host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || isLoopback(name);
}

async function bind(server: Server, address: AdminAddress): Promise<AdminAddress> {
  if (address.kind === "unix") {
    await bindUnix(server, address);
    return address;
  }
  try {
    await listen(server, address);
  } catch (error) {
    throw bindError(address, error);
  }
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("a TCP server has an address");
  return { kind: "tcp", host: bound.address, port: bound.port };
}

/** A file that nobody listens at any more is taken away; one that is no socket never is. */
async function bindUnix(server: Server, address: AdminAddress & { kind: "unix" }): Promise<void> {
  const { path } = address;
  try {
    // Only the last folder: a mistyped path is a mistake.
    mkdirSync(dirname(path), { mode: 0o700 });
  } catch {}
  for (let again = true; ; again = false) {
    try {
      await listenPrivately(server, path);
      return;
    } catch (error) {
      if (codeOf(error) !== "EADDRINUSE") throw bindError(address, error);
      if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) {
        throw new AdminBindError(address, "there is a file that is no socket", false, error);
      }
      if (!again || (await isServed(path))) {
        throw new AdminBindError(address, "another process serves there", true, error);
      }
      try {
        unlinkSync(path);
      } catch (failure) {
        if (codeOf(failure) !== "ENOENT") throw bindError(address, failure);
      }
    }
  }
}

/** The file is made within the call, and is never open to others. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const mask = process.umask(OWNER_ONLY);
  let listening: Promise<void>;
  try {
    listening = listen(server, { kind: "unix", path });
  } finally {
    process.umask(mask);
  }
  await listening;
  chmodSync(path, 0o600);
}

function listen(server: Server, address: AdminAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      server.off("listening", listening);
      reject(error);
    };
    const listening = (): void => {
      server.off("error", failed);
      resolve();
    };
    server.once("error", failed);
    server.once("listening", listening);
    if (address.kind === "unix") server.listen(address.path);
    else server.listen(address.port, address.host);
  });
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (served: boolean): void => {
      socket.destroy();
      resolve(served);
    };
    socket.setTimeout(PROBE_MS, () => done(true));
    socket.once("connect", () => done(true));
    socket.once("error", (error) => done(codeOf(error) !== "ECONNREFUSED" && codeOf(error) !== "ENOENT"));
  });
}

const FACTS: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the file system is read-only",
  ENOENT: "there is no such folder",
  ENOTDIR: "a part of the path is no folder",
  EINVAL: "the path is too long",
  EADDRINUSE: "another process serves there",
  EADDRNOTAVAIL: "this machine does not have the address",
};

function bindError(address: AdminAddress, error: unknown): AdminBindError {
  let code = codeOf(error);
  // libuv says EACCES for both.
  if (code === "EACCES" && address.kind === "unix" && !existsSync(dirname(address.path))) code = "ENOENT";
  return new AdminBindError(address, FACTS[code] ?? code, code === "EADDRINUSE", error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
}
