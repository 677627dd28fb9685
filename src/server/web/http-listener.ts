/**
 * One listening HTTP server for small GET endpoints: metrics, health, ready.
 *
 * It is open to whoever reaches the address, so everything is bounded: connections, header bytes, time for headers and
 * requests, idle time, and what a slow reader may hold up. Bodies are never read.
 */
import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from "node:http";
import { isIP } from "node:net";
import { type Readable, pipeline } from "node:stream";
import type { SecureContextOptions, TLSSocket } from "node:tls";
import { isAdmitted, type TlsCredentials } from "../../base/client-certificate.ts";
import { BindError } from "../../base/bind-error.ts";
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { HttpBindError } from "./http-bind-error.ts";
import type { HttpSockets } from "./http-sockets.ts";
import type { HttpsSource } from "./https-source.ts";
import { readListenAddress, type ListenAddress } from "./listen-address.ts";

export const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 8192;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
/** A connection on which nothing moves, a reader that does not read among them. */
const STALLED_MS = 10_000;
const CHECK_EVERY_MS = 1_000;
const CLOSE_GRACE_MS = 1_000;

export interface HttpRequest {
  readonly method: "GET" | "HEAD";
  /** Without the query: `/metrics`. */
  readonly path: string;
  /** Behind the question mark; "" without one. */
  readonly query: string;
}

export interface HttpReply {
  readonly status: number;
  readonly contentType: string;
  /** A stream is sent as it comes; it is destroyed when the client goes away. */
  readonly body: string | Uint8Array | Readable;
  /** How long a stream may be silent before the connection counts as stalled, milliseconds; default 10 s. */
  readonly silenceMs?: number;
  /** `Content-Disposition`: what a browser should call the file that it saves. */
  readonly fileName?: string;
}

export type HttpHandler = (request: HttpRequest) => HttpReply | Promise<HttpReply>;

export interface HttpTimeouts {
  readonly headersMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** How often the two for requests are looked at. */
  readonly checkEveryMs: number;
  /** How long closing waits for requests under way. */
  readonly closeGraceMs: number;
}

const TIMEOUTS: HttpTimeouts = {
  headersMs: HEADERS_TIMEOUT_MS,
  requestMs: REQUEST_TIMEOUT_MS,
  keepAliveMs: KEEP_ALIVE_MS,
  checkEveryMs: CHECK_EVERY_MS,
  closeGraceMs: CLOSE_GRACE_MS,
};

/** What to do about an address that is in use by somebody who is about to go. */
export interface AddressPatience {
  /** Of `performance.now()`: when it is given up. */
  readonly untilMs: number;
  readonly log: Log;
}

export interface HttpListenerOptions {
  readonly timeouts?: HttpTimeouts | undefined;
  /** With it, an address that is in use is waited for behind the caller's back. */
  readonly patience?: AddressPatience | undefined;
  /** With it, over TLS. */
  readonly https?: HttpsSource | undefined;
  /** Where the socket comes from, where it can. */
  readonly sockets?: HttpSockets | undefined;
}

interface Bound {
  readonly address: string;
  readonly port: number;
  readonly fd: number | undefined;
}

const RETRY_MS = 50;

/** Plain text, as all small answers are. */
export function textReply(status: number, body: string): HttpReply {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

export class HttpListener {
  /** IP address that it listens on; `::` for all. */
  readonly address: string;
  readonly port: number;
  readonly #sockets: HttpSockets | undefined;
  #fd: number | undefined;
  readonly #server: Server;
  readonly #closeGraceMs: number;
  readonly #closing: AbortController;

  private constructor(
    server: Server,
    { address, port, fd }: Bound,
    closeGraceMs: number,
    sockets: HttpSockets | undefined,
  ) {
    this.#closing = new AbortController();
    this.#sockets = sockets;
    this.#fd = fd;
    this.#server = server;
    this.address = address;
    this.port = port;
    this.#closeGraceMs = closeGraceMs;
  }

  /**
   * @param address as configured
   * @param route gives the handler of a path, or undefined for none
   * @param onDefect told what a handler threw; the client gets 500
   * @throws HttpBindError when the address is no address, or cannot be bound
   */
  static async open(
    address: string,
    route: (path: string) => HttpHandler | undefined,
    onDefect: (error: unknown) => void,
    { timeouts = TIMEOUTS, patience, https, sockets }: HttpListenerOptions = {},
  ): Promise<HttpListener> {
    const wanted = readListenAddress(address);
    if (typeof wanted === "string") throw new HttpBindError(address, { host: address, port: 0 }, new Error(wanted));
    const server = boundedServer(
      (request, response) => void answer(request, response, route, onDefect),
      timeouts,
      https,
    );
    // Over TLS the keeper could not answer.
    const from = https === undefined ? sockets : undefined;
    try {
      return new HttpListener(server, await listen(server, address, wanted, from), timeouts.closeGraceMs, from);
    } catch (error) {
      if (patience === undefined || performance.now() >= patience.untilMs || !isInUse(error)) throw error;
      patience.log.info(`HTTP address ${address} is in use still, and is waited for`);
      const later = { address: numericHost(wanted.host), port: wanted.port, fd: undefined };
      const listener = new HttpListener(server, later, timeouts.closeGraceMs, from);
      void listener.#listenLater(address, wanted, patience);
      return listener;
    }
  }

  /** Of its socket, when that came from `HttpSockets`. */
  get fd(): number | undefined {
    return this.#fd;
  }

  /** Stops listening at once; requests under way get a moment to end. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    const impatience = setTimeout(() => this.#server.closeAllConnections(), this.#closeGraceMs);
    await closed;
    clearTimeout(impatience);
  }

  /** Tries until it listens, is closed, or patience ends. */
  async #listenLater(address: string, wanted: ListenAddress, { untilMs, log }: AddressPatience): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      // Not what keeps the process alive; and a listener that is closed does not try again.
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      if (signal.aborted) return;
      try {
        this.#fd = (await listen(this.#server, address, wanted, this.#sockets)).fd;
        log.info(`HTTP address ${address} is served now`);
        if (signal.aborted) this.#server.close();
        return;
      } catch (error) {
        if (performance.now() < untilMs && isInUse(error)) continue;
        log.error(describeError(error));
        return;
      }
    }
  }
}

/** An HTTP server with the bounds of the top of this file, not listening yet. */
export function boundedServer(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
  timeouts: HttpTimeouts = TIMEOUTS,
  https?: HttpsSource,
): Server {
  const bounds = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    connectionsCheckingInterval: timeouts.checkEveryMs,
    insecureHTTPParser: false,
  };
  // Loaded when the first block asks for it: a server without admin HTTP is spared its memory.
  const server =
    https === undefined
      ? process.getBuiltinModule("node:http").createServer(bounds, serve)
      : secureServer(bounds, serve, https);
  // Without this, Node.js would invite the body that we do not read.
  server.on("checkContinue", serve);
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(STALLED_MS);
  return server;
}

function secureServer(bounds: ServerOptions, serve: RequestListener, https: HttpsSource): Server {
  let used = https.current();
  const certificates = ({ cert, key, ca }: TlsCredentials): SecureContextOptions => ({
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: https.minVersion,
  });
  const server = process.getBuiltinModule("node:https").createServer(
    {
      ...bounds,
      ...certificates(used),
      requestCert: used.clientAuth !== "nocert",
      rejectUnauthorized: used.clientAuth === "require_and_verify",
      handshakeTimeout: HEADERS_TIMEOUT_MS,
    },
    (request, response) => {
      if (isAdmitted(request.socket as TLSSocket, used.clientAuth)) serve(request, response);
      else request.destroy();
    },
  );
  // Before the handshake begins: a certificate that was renewed is used without a restart.
  server.prependListener("connection", () => {
    const next = https.current();
    if (next === used) return;
    used = next;
    server.setSecureContext(certificates(next));
  });
  // Node.js leaves it open after a time-out.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

function isInUse(error: unknown): boolean {
  return (
    error instanceof HttpBindError &&
    error.cause instanceof Error &&
    "code" in error.cause &&
    error.cause.code === "EADDRINUSE"
  );
}

/** Where a listener will be found that does not listen yet. */
function numericHost(host: string): string {
  return host === "" ? "::" : host === "localhost" ? "127.0.0.1" : host;
}

/** Answers a request by the handler of its path. Never rejects. */
export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  route: (path: string) => HttpHandler | undefined,
  onDefect: (error: unknown) => void,
): Promise<void> {
  const { method } = request;
  const [path = "", query = ""] = targetOf(request.url ?? "");
  const hasBody =
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) !== 0;
  // The connection cannot be used again with an unread body in front of the next request.
  if (hasBody) response.setHeader("Connection", "close");
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    send(response, textReply(405, "Method Not Allowed\n"));
  } else if (hasBody) {
    send(response, textReply(413, "Content Too Large\n"));
  } else {
    const handle = route(path);
    try {
      send(response, handle === undefined ? textReply(404, "Not Found\n") : await handle({ method, path, query }));
    } catch (error) {
      onDefect(error);
      if (!response.headersSent) send(response, textReply(500, "Internal Server Error\n"));
    }
  }
}

/** Path and query of a request target in origin or absolute form (RFC 9112 §3.2). */
function targetOf(url: string): string[] {
  const origin = url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/?]*/i, "");
  const mark = origin.indexOf("?");
  return mark < 0 ? [origin] : [origin.slice(0, mark), origin.slice(mark + 1)];
}

function send(response: ServerResponse, reply: HttpReply): void {
  if (reply.fileName !== undefined) {
    response.setHeader("Content-Disposition", `attachment; filename="${reply.fileName}"`);
  }
  if (typeof reply.body !== "string" && !(reply.body instanceof Uint8Array)) {
    sendStream(response, reply, reply.body);
    return;
  }
  const body = typeof reply.body === "string" ? Buffer.from(reply.body) : reply.body;
  response.writeHead(reply.status, {
    "Content-Type": reply.contentType,
    "Content-Length": body.length,
    "X-Content-Type-Options": "nosniff",
  });
  // Node.js leaves the body out when the request was HEAD.
  response.end(body);
}

function sendStream(response: ServerResponse, reply: HttpReply, body: Readable): void {
  response.writeHead(reply.status, { "Content-Type": reply.contentType, "X-Content-Type-Options": "nosniff" });
  if (response.req.method === "HEAD") {
    body.destroy();
    response.end();
    return;
  }
  response.setTimeout(reply.silenceMs ?? STALLED_MS, () => response.destroy());
  response.flushHeaders();
  // Both ends are destroyed when one of them fails: the client then sees a body that ends too early.
  pipeline(body, response, () => {});
}

async function listen(
  server: Server,
  address: string,
  wanted: ListenAddress,
  sockets: HttpSockets | undefined,
): Promise<Bound> {
  // As Go does: IPv4 first. All addresses: Node.js takes both families when no host is given.
  const hosts = wanted.host === "localhost" ? ["127.0.0.1", "::1"] : [wanted.host];
  let fd: number | undefined;
  for (const [i, host] of hosts.entries()) {
    try {
      fd = await socketFor(sockets, host, wanted.port);
      await listenOn(server, host, wanted.port, fd);
      break;
    } catch (error) {
      const absent = error instanceof Error && "code" in error && error.code === "EADDRNOTAVAIL";
      if (!absent || i === hosts.length - 1) throw new HttpBindError(address, { host, port: wanted.port }, error);
    }
  }
  // Such as EMFILE while accepting: the client sees a closed connection, and the server goes on.
  server.on("error", () => {});
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("a TCP server has an address");
  return { address: bound.address, port: bound.port, fd };
}

/** @returns undefined where the server is to open it itself: names are for its resolver, a port of chance nobody could find again */
async function socketFor(sockets: HttpSockets | undefined, host: string, port: number): Promise<number | undefined> {
  if (sockets === undefined || port === 0 || (host !== "" && isIP(host) === 0)) return undefined;
  try {
    return await sockets.open(host === "" ? "::" : host, port);
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    // As Node.js would have said it.
    const { cause } = error;
    throw cause instanceof Error ? Object.assign(new Error(cause.message), { code: cause.message }) : error;
  }
}

function listenOn(server: Server, host: string, port: number, fd: number | undefined): Promise<void> {
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
    server.listen(fd === undefined ? (host === "" ? { port } : { port, host }) : { fd });
  });
}
