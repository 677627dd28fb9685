/**
 * HTTP endpoints of the server while there is none: `/health` and `/ready`, for whoever probes them.
 *
 * What is said on a path the server has told (`StandbyPlan.endpoints`); on others, such as `/metrics`, that there is no server. An
 * endpoint that has something good to say accepts at once, for a kubelet whose probe fails may end all that still works. The others
 * wait for half a second: a server that comes soon says more. No `node:http`, which would take megabytes for small
 * answers: one request a connection, its head read for method and path, all else passed over.
 */
import { createServer, type Server, type Socket } from "node:net";
import { duplicateFd } from "../../linux/fd.ts";
import type { StandbyReply } from "./standby-plan.ts";

/** A server that comes within it answers what waits. */
const PATIENCE_MS = 500;
const CONNECTIONS_MAX = 64;
const BACKLOG = 511;
const HEAD_MAX_CHARACTERS = 8192;
/** Of a connection, whoever is slow. */
const LIFE_MS = 5000;
const NO_SERVER = { status: 503, body: "No server\n" };
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  405: "Method Not Allowed",
  503: "Service Unavailable",
};

/** A listening socket. */
export interface ListeningEndpoint {
  /** Stays its owner's. */
  readonly fd: number;
  readonly replies: readonly StandbyReply[];
}

export class StandbyHttp {
  readonly #sockets: Set<Socket>;
  #servers: Server[];
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.#sockets = new Set();
    this.#servers = [];
    this.#timer = undefined;
  }

  /** Accepts, what has nothing good to say after a while, if nobody calls `rest` before. */
  serve(endpoints: readonly ListeningEndpoint[]): void {
    this.rest();
    const [good, bad] = [true, false].map((wanted) => endpoints.filter((each) => isGood(each) === wanted));
    for (const endpoint of good ?? []) this.#accept(endpoint);
    this.#timer = setTimeout(() => {
      for (const endpoint of bad ?? []) this.#accept(endpoint);
    }, PATIENCE_MS);
  }

  /** Accepts no more; who was accepted gets an answer. */
  rest(): void {
    clearTimeout(this.#timer);
    for (const server of this.#servers.splice(0)) server.close();
  }

  close(): void {
    this.rest();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept({ fd, replies }: ListeningEndpoint): void {
    let own: number;
    try {
      own = duplicateFd(fd);
    } catch {
      // Out of descriptors: connections wait on for a server.
      return;
    }
    const server = createServer((socket) => this.#answer(socket, replies));
    server.maxConnections = CONNECTIONS_MAX;
    // The same for one that comes.
    server.on("error", () => {});
    this.#servers.push(server);
    server.listen({ fd: own, backlog: BACKLOG, exclusive: true });
  }

  #answer(socket: Socket, replies: readonly StandbyReply[]): void {
    this.#sockets.add(socket);
    const impatience = setTimeout(() => socket.destroy(), LIFE_MS);
    socket.on("close", () => {
      clearTimeout(impatience);
      this.#sockets.delete(socket);
    });
    socket.on("error", () => {});
    let head: string | undefined = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      // What comes behind the head is read all the same: a connection that is closed on unread bytes takes the answer with it.
      if (head === undefined) return;
      head += text;
      if (!/\r?\n\r?\n/.test(head) && head.length <= HEAD_MAX_CHARACTERS) return;
      socket.end(responseTo(head, replies));
      head = undefined;
    });
  }
}

function isGood({ replies }: ListeningEndpoint): boolean {
  return replies.some(({ status }) => status < 400);
}

/** @param head of a request, or what pretends to be one */
function responseTo(head: string, replies: readonly StandbyReply[]): string {
  // In origin or absolute form (RFC 9112 §3.2), the query left out.
  const line = /^([A-Z]+) (?:https?:\/\/[^/? ]*)?([^? ]*)(?:\?\S*)? HTTP\/1\.[01]\r?\n/i.exec(head);
  if (line === null) return response(400, "Bad Request\n", true);
  const [, method, path] = line;
  if (method !== "GET" && method !== "HEAD") return response(405, "Method Not Allowed\n", true, "Allow: GET, HEAD\r\n");
  const { status, body } = replies.find((reply) => reply.path === path) ?? NO_SERVER;
  return response(status, body, method === "GET");
}

function response(status: number, body: string, withBody: boolean, more = ""): string {
  return (
    `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\nDate: ${new Date().toUTCString()}\r\n` +
    `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
    `X-Content-Type-Options: nosniff\r\n${more}Connection: close\r\n\r\n${withBody ? body : ""}`
  );
}
