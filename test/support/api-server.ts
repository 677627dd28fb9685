/**
 * A Kubernetes API server for tests and benches: real HTTP or HTTPS, lists with `limit` and `continue`, watches with
 * bookmarks, and faults that a test asks for. It holds objects as JSON text and knows nothing of `src/kube`.
 *
 * Selectors: labels `a=b` and `a!=b` joined by commas, fields by dotted path. Every change has a version of its own.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Certificate } from "./certificate.ts";
import { freePort } from "./free-port.ts";

export type Plural = "services" | "endpointslices" | "pods" | "namespaces" | "serviceimports";
export type RawObject = Readonly<Record<string, unknown>> & {
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string; readonly namespace?: string };
};

/** What a request is met with in place of the truth. Parts that are absent do nothing. */
export interface Fault {
  /** Only requests of this kind, of this verb. Default: any. */
  readonly kind?: Plural;
  readonly verb?: "list" | "watch";
  /** How many requests; default: all until `clearFaults`. */
  readonly times?: number;
  /** Answered with this status in place of 200. */
  readonly status?: number;
  readonly retryAfter?: string;
  /** A watch: 200, then an ERROR event with this code. */
  readonly errorEvent?: number;
  /** A watch: 200, then this. */
  readonly garbled?: string;
  /** Only lists that go on with a token. */
  readonly onlyContinued?: true;
  /** The connection is cut after so many bytes of the body. */
  readonly cutAfterBytes?: number;
  /** A list: nothing comes after so many bytes of the body. */
  readonly stallAfterBytes?: number;
  /** The body comes in so small pieces, a millisecond apart. */
  readonly pieceBytes?: number;
  /** No response at all. */
  readonly hang?: true;
  /** The connection ends in good order right after the head. */
  readonly endAtOnce?: true;
}

export interface ApiServerOptions {
  readonly tls?: Certificate;
  /** PEM: only who has a certificate of this authority can connect. */
  readonly clientCa?: string;
  /** Bearer tokens that are let in; without, everybody is. May change later. */
  readonly tokens?: readonly string[];
  /** Default: any free one. */
  readonly port?: number;
  /** Bookmarks of each watch that asks for them; default: none by themselves. */
  readonly bookmarkMs?: number;
  /** How many changes are remembered for watches that come back; older ones are answered with 410. Default 10,000. */
  readonly history?: number;
}

export interface SeenRequest {
  readonly verb: "list" | "watch";
  readonly kind: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
}

interface Stored {
  readonly version: number;
  readonly json: string;
  readonly labels: Readonly<Record<string, unknown>>;
  readonly raw: RawObject | undefined;
  readonly namespace: string;
}

interface Change {
  readonly version: number;
  readonly kind: Plural;
  /** Undefined for what was not there. */
  readonly before: Stored | undefined;
  readonly after: Stored;
  readonly deleted: boolean;
}

interface OpenWatch {
  readonly kind: Plural;
  readonly matches: (stored: Stored) => boolean;
  readonly bookmarks: boolean;
  readonly response: ServerResponse;
  readonly fault: Fault | undefined;
}

const ROUTE =
  /^\/(?:api\/v1|apis\/discovery\.k8s\.io\/v1|apis\/multicluster\.x-k8s\.io\/v1alpha1)(?:\/namespaces\/([^/]+))?\/(services|endpointslices|pods|namespaces|serviceimports)$/;
const KINDS: Readonly<Record<Plural, readonly [apiVersion: string, kind: string]>> = {
  services: ["v1", "Service"],
  endpointslices: ["discovery.k8s.io/v1", "EndpointSlice"],
  pods: ["v1", "Pod"],
  namespaces: ["v1", "Namespace"],
  serviceimports: ["multicluster.x-k8s.io/v1alpha1", "ServiceImport"],
};

export class TestApiServer {
  readonly #options: ApiServerOptions;
  readonly #objects = new Map<Plural, Map<string, Stored>>();
  readonly #watches = new Set<OpenWatch>();
  readonly #sockets = new Set<Socket>();
  readonly #faults: { fault: Fault; left: number }[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #changes: Change[] = [];
  #version = 100;
  /** Watches from before it are answered with 410. */
  #oldest = 100;
  #tokens: readonly string[] | undefined;
  #server: ReturnType<typeof createHttpServer> | ReturnType<typeof createHttpsServer> | undefined;
  #port: number;
  /** In order, without what was turned away for its token. Bounded: the newest 10,000. */
  readonly requests: SeenRequest[] = [];
  /** So far. */
  watchesOpened = 0;
  connections = 0;

  private constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#tokens = options.tokens;
    this.#port = options.port ?? 0;
  }

  static async start(options: ApiServerOptions = {}): Promise<TestApiServer> {
    // Not one that the kernel gives to others while nobody listens.
    const server = new TestApiServer({ ...options, port: options.port ?? (await freePort()) });
    await server.back();
    return server;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? "http" : "https"}://127.0.0.1:${this.#port}`;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  /** Creates or changes. */
  put(kind: Plural, object: RawObject): void {
    const version = ++this.#version;
    const metadata = { ...object.metadata, resourceVersion: String(version), uid: `uid-${version}` };
    const raw = { ...manifestOf(kind, object), metadata };
    const stored: Stored = {
      version,
      json: JSON.stringify(raw),
      labels: (object.metadata["labels"] ?? {}) as Readonly<Record<string, unknown>>,
      raw,
      namespace: object.metadata.namespace ?? "",
    };
    const objects = this.#of(kind);
    const key = `${stored.namespace}/${object.metadata.name}`;
    const before = objects.get(key);
    objects.set(key, stored);
    this.#change({ version, kind, before, after: stored, deleted: false });
  }

  remove(kind: Plural, namespace: string, name: string): void {
    const objects = this.#of(kind);
    const key = `${namespace}/${name}`;
    const before = objects.get(key);
    if (before === undefined) throw new Error(`no ${kind} ${key}`);
    objects.delete(key);
    const version = ++this.#version;
    const json = before.json.replace(`"resourceVersion":"${before.version}"`, `"resourceVersion":"${version}"`);
    this.#change({ version, kind, before, after: { ...before, version, json }, deleted: true });
  }

  /** Objects by the thousand without keeping them decoded: `make` is asked for each as JSON text with its version. */
  fill(
    kind: Plural,
    count: number,
    make: (
      index: number,
      version: number,
    ) => { readonly namespace: string; readonly name: string; readonly json: string },
  ): void {
    const objects = this.#of(kind);
    for (let index = 0; index < count; index++) {
      const version = ++this.#version;
      const { namespace, name, json } = make(index, version);
      objects.set(`${namespace}/${name}`, { version, json, labels: {}, raw: undefined, namespace });
    }
    this.compact();
  }

  /** Forgets all changes so far: whoever comes back with an older version gets 410. */
  compact(): void {
    this.#changes = [];
    this.#oldest = this.#version;
  }

  fault(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  clearFaults(): void {
    this.#faults.length = 0;
  }

  setTokens(tokens: readonly string[] | undefined): void {
    this.#tokens = tokens;
  }

  /** Tells all watches that ask for bookmarks where they are. */
  bookmark(): void {
    for (const watch of this.#watches) if (watch.bookmarks) this.#writeBookmark(watch);
  }

  /** Cuts the connections of all watches; `half`: in the middle of an event; `reset`: with an RST. */
  dropWatches(how: "closed" | "half" | "reset" = "closed"): void {
    for (const { response } of this.#watches) {
      if (how === "reset") response.socket?.resetAndDestroy();
      else if (how === "half") response.write('{"type":"MODIFIED","object":{"metadata":{"na', () => response.destroy());
      else response.destroy();
    }
  }

  /** Ends all watches in good order, as the server does when their time has come. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end();
  }

  /** Nobody listens any more, and all connections are gone. */
  async away(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Listens again, on the same port. */
  async back(): Promise<void> {
    const { tls, clientCa } = this.#options;
    const client = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
    const handle = (request: IncomingMessage, response: ServerResponse): void => this.#handle(request, response);
    const server =
      tls === undefined
        ? createHttpServer(handle)
        : createHttpsServer({ cert: tls.cert, key: tls.key, ...client }, handle);
    server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.away();
  }

  #of(kind: Plural): Map<string, Stored> {
    const known = this.#objects.get(kind) ?? new Map<string, Stored>();
    this.#objects.set(kind, known);
    return known;
  }

  #change(change: Change): void {
    this.#changes.push(change);
    const most = this.#options.history ?? 10_000;
    if (this.#changes.length > most) this.#oldest = this.#changes.shift()?.version ?? this.#oldest;
    for (const watch of this.#watches) {
      this.#writeEvent(watch, change);
    }
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    response.on("error", () => {});
    const url = new URL(request.url ?? "/", "http://server");
    const { authorization } = request.headers;
    if (this.#tokens?.every((token) => authorization !== `Bearer ${token}`)) {
      return status(response, 401, "Unauthorized");
    }
    const [, namespace, plural] = ROUTE.exec(url.pathname) ?? [];
    if (plural === undefined) return status(response, 404, "the server could not find the requested resource");
    const kind = plural as Plural;
    const query = url.searchParams;
    if (/^[^(]*\)/.test(query.get("labelSelector") ?? "")) return status(response, 400, "unable to parse requirement");
    const verb = query.get("watch") === "1" || query.get("watch") === "true" ? "watch" : "list";
    this.requests.push({ verb, kind, query, authorization });
    if (this.requests.length > 10_000) this.requests.shift();
    const fault = this.#faultFor(kind, verb, query);
    if (fault?.hang) return;
    if (fault?.status !== undefined) {
      if (fault.retryAfter !== undefined) response.setHeader("Retry-After", fault.retryAfter);
      const message =
        fault.status === 403
          ? `${kind} is forbidden: User "system:anonymous" cannot ${verb} resource "${kind}" in API group "" at the cluster scope`
          : `a fault of status ${fault.status}`;
      return status(response, fault.status, message);
    }
    if (verb === "watch") this.#watch(kind, namespace, query, response, fault);
    else this.#list(kind, namespace, query, response, fault);
  }

  #faultFor(kind: Plural, verb: "list" | "watch", query: URLSearchParams): Fault | undefined {
    const found = this.#faults.find(
      ({ fault, left }) =>
        left > 0 &&
        (fault.kind ?? kind) === kind &&
        (fault.verb ?? verb) === verb &&
        (fault.onlyContinued === undefined || query.has("continue")),
    );
    if (found !== undefined) found.left--;
    return found?.fault;
  }

  /** Pages are of the state at the time of each, as those of a server whose world stands still. */
  #list(
    kind: Plural,
    namespace: string | undefined,
    query: URLSearchParams,
    response: ServerResponse,
    fault: Fault | undefined,
  ): void {
    const matches = matcher(namespace, query);
    const limit = Number(query.get("limit") ?? 0);
    // A token is `version:offset`.
    const [version = String(this.#version), skip = "0"] = (query.get("continue") ?? "").split(":").filter(Boolean);
    if (Number(version) < this.#oldest) return status(response, 410, "The provided continue parameter is too old");
    const all = [...this.#of(kind).values()].filter((stored) => matches(stored));
    const from = Number(skip);
    const page = limit > 0 ? all.slice(from, from + limit) : all.slice(from);
    const next = from + page.length < all.length ? `${version}:${from + page.length}` : "";
    const [apiVersion, kindName] = KINDS[kind];
    const metadata = JSON.stringify({ resourceVersion: version, ...(next === "" ? {} : { continue: next }) });
    const body =
      `{"kind":"${kindName}List","apiVersion":"${apiVersion}","metadata":${metadata},"items":[` +
      `${page.map((stored) => stored.json).join(",")}]}\n`;
    response.setHeader("Content-Type", "application/json");
    void writeBody(response, body, fault);
  }

  #watch(
    kind: Plural,
    namespace: string | undefined,
    query: URLSearchParams,
    response: ServerResponse,
    fault: Fault | undefined,
  ): void {
    const from = Number(query.get("resourceVersion") ?? 0);
    if (from < this.#oldest) return status(response, 410, `too old resource version: ${from} (${this.#oldest})`);
    response.setHeader("Content-Type", "application/json");
    response.flushHeaders();
    if (fault?.errorEvent !== undefined) {
      const object = { kind: "Status", status: "Failure", code: fault.errorEvent, message: "a fault as an event" };
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return;
    }
    if (fault?.garbled !== undefined) return void response.end(fault.garbled);
    if (fault?.endAtOnce) return void response.end();
    const bookmarks = query.get("allowWatchBookmarks") === "true";
    const watch: OpenWatch = { kind, matches: matcher(namespace, query), bookmarks, response, fault };
    this.#watches.add(watch);
    this.watchesOpened++;
    const timers = [setTimeout(() => response.end(), Number(query.get("timeoutSeconds") ?? 1800) * 1000)];
    const { bookmarkMs } = this.#options;
    if (bookmarks && bookmarkMs !== undefined) timers.push(setInterval(() => this.#writeBookmark(watch), bookmarkMs));
    for (const timer of timers) this.#timers.add(timer);
    response.once("close", () => {
      this.#watches.delete(watch);
      for (const timer of timers) {
        clearTimeout(timer);
        this.#timers.delete(timer);
      }
    });
    for (const change of this.#changes) {
      if (change.version > from) this.#writeEvent(watch, change);
    }
  }

  /** An object that is no longer selected is gone for the one who watches, as at the real server. */
  #writeEvent({ kind, matches, response, fault }: OpenWatch, { kind: changed, before, after, deleted }: Change): void {
    if (kind !== changed) return;
    const was = before !== undefined && matches(before);
    const is = !deleted && matches(after);
    if (!was && !is) return;
    const line = `{"type":"${is ? (was ? "MODIFIED" : "ADDED") : "DELETED"}","object":${after.json}}\n`;
    if (fault?.cutAfterBytes === undefined) response.write(line);
    else response.write(line.slice(0, fault.cutAfterBytes), () => response.destroy());
  }

  #writeBookmark({ kind, response }: OpenWatch): void {
    const [apiVersion, kindName] = KINDS[kind];
    const object = { kind: kindName, apiVersion, metadata: { resourceVersion: String(this.#version) } };
    response.write(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
  }
}

/** As in a manifest: with what it is. */
export function manifestOf(kind: Plural, object: RawObject): RawObject {
  const [apiVersion, kindName] = KINDS[kind];
  return { apiVersion, kind: kindName, ...object };
}

function matcher(namespace: string | undefined, query: URLSearchParams): (stored: Stored) => boolean {
  const terms = (name: string): [key: string, value: string, equal: boolean][] =>
    (query.get(name) ?? "")
      .split(",")
      .filter((term) => term !== "")
      .map((term) => {
        const [key = "", value = ""] = term.split(/!?==?/);
        return [key, value, !term.includes("!=")];
      });
  const labels = terms("labelSelector");
  const fields = terms("fieldSelector");
  return ({ labels: own, raw, namespace: within }) =>
    (namespace === undefined || within === namespace) &&
    labels.every(([key, value, equal]) => (own[key] === value) === equal) &&
    fields.every(([path, value, equal]) => {
      let field: unknown = raw;
      for (const key of path.split(".")) field = (field as Record<string, unknown> | undefined)?.[key];
      return (field === value) === equal;
    });
}

function status(response: ServerResponse, code: number, message: string): void {
  response.statusCode = code;
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", message, code }));
}

async function writeBody(response: ServerResponse, body: string, fault: Fault | undefined): Promise<void> {
  if (fault?.cutAfterBytes !== undefined) {
    response.write(body.slice(0, fault.cutAfterBytes), () => response.destroy());
    return;
  }
  if (fault?.stallAfterBytes !== undefined) return void response.write(body.slice(0, fault.stallAfterBytes));
  if (fault?.pieceBytes === undefined) return void response.end(body);
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length && !response.destroyed; at += fault.pieceBytes) {
    response.write(bytes.subarray(at, at + fault.pieceBytes));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  response.end();
}
