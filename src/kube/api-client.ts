/** GET requests to the API server: a login that is renewed, bounds, time-outs, and failures in words. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { describeError } from "../base/errors.ts";
import { logIn, type ApiAccess, type ConnectOptions, type Login } from "./api-access.ts";
import type { Kind } from "./cluster-source.ts";
import { ApiError, KubeConfigError } from "./kube-errors.ts";
import type { Pace } from "./pace.ts";
import { Reachability } from "./reachability.ts";
import { record, text } from "./raw.ts";
import { RequestLimit, type RequestLimits } from "./request-limit.ts";
import { resourceName } from "./resources.ts";

export type Verb = "list" | "watch";

/** Told about every request, for metrics. */
export interface RequestObserver {
  /** @param code HTTP status; 0 when there was no response. @param ms until the response began */
  request(verb: Verb, host: string, code: number, ms: number): void;
  /** @param ms that the bounds made it wait */
  limited(verb: Verb, host: string, ms: number): void;
}

/** Until a response begins. */
const RESPONSE_MS = 15_000;
/** TCP asks the other side after this silence, then every second; ten without an answer end the connection. */
const KEEP_ALIVE_MS = 15_000;
/** An exec plugin may ask a server of its own. */
const LOGIN_MS = 60_000;
/** Of the body of a refusal: what has come by then has to do. */
const ERROR_BODY_MS = 2000;
const ERROR_BODY_BYTES = 65_536;
const RETRY_AFTER_MAX_MS = 60_000;
const USER_AGENT = "nodens";

export interface ApiRequest {
  readonly verb: Verb;
  readonly kind: Kind;
  /** With its query. */
  readonly path: string;
  readonly signal: AbortSignal;
}

export class ApiClient {
  readonly #access: ApiAccess;
  readonly #pace: Pace;
  readonly #limit: RequestLimit;
  readonly #observer: RequestObserver | undefined;
  readonly #reachability: Reachability;
  #login: Promise<Login> | undefined;
  #current: Login | undefined;
  #closed = false;

  constructor(access: ApiAccess, limits: RequestLimits, pace: Pace, observer?: RequestObserver) {
    this.#access = access;
    this.#pace = pace;
    this.#limit = new RequestLimit(limits, pace);
    this.#observer = observer;
    this.#reachability = new Reachability(pace);
  }

  /** @returns undefined before the login was read for the first time */
  get server(): URL | undefined {
    return this.#current?.server;
  }

  /** @returns a response with status 200, whose body is to be read or destroyed. @throws ApiError, KubeConfigError */
  async get({ verb, kind, path, signal }: ApiRequest): Promise<IncomingMessage> {
    const login = await this.#loggedIn();
    const host = login.server.host;
    const askedAtMs = this.#pace.clock.monotonicMs();
    const leave = await this.#limit.enter(signal);
    const startedAtMs = this.#pace.clock.monotonicMs();
    this.#observer?.limited(verb, host, startedAtMs - askedAtMs);
    let code = 0;
    try {
      const options = await within(
        LOGIN_MS,
        login.requestOptions(),
        `no credentials for ${login.server.origin} in time`,
      );
      const response = await send(login.server, path, options, signal);
      code = response.statusCode ?? 0;
      if (code === 200) return response;
      throw refusalOf(code, response.headers["retry-after"], await bodyOf(response), verb, kind);
    } finally {
      leave();
      this.#observer?.request(verb, host, code, this.#pace.clock.monotonicMs() - startedAtMs);
    }
  }

  /** The next request reads configuration, tokens and certificates anew. */
  renewLogin(): void {
    this.#login = undefined;
  }

  /** Resolves when the server can be connected to, or `signal` is aborted. */
  async reachable(signal: AbortSignal): Promise<void> {
    if (this.#current === undefined) return;
    await this.#reachability.wait(this.#current.first, signal);
  }

  close(): void {
    this.#closed = true;
    this.#current?.close();
  }

  async #loggedIn(): Promise<Login> {
    if (this.#login !== undefined) return this.#login;
    const login = logIn(this.#access);
    this.#login = login;
    try {
      const next = await login;
      const before = this.#current;
      this.#current = next;
      // A watch that began with it may go on: the server ends what it does not want.
      before?.retire();
      if (this.#closed) next.close();
      return next;
    } catch (error) {
      this.#login = undefined;
      throw error;
    }
  }
}

function send(
  server: URL,
  path: string,
  options: ConnectOptions,
  signal: AbortSignal,
  again = true,
): Promise<IncomingMessage> {
  const base = server.pathname.replace(/\/$/, "");
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = (server.protocol === "https:" ? httpsRequest : httpRequest)({
    ...options,
    protocol: server.protocol,
    hostname: server.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: server.port,
    path: `${base}${path}`,
    headers: { ...options.headers, Accept: "application/json", "User-Agent": USER_AGENT },
    signal,
  });
  const deadline = setTimeout(
    () => request.destroy(new Error(`no response within ${RESPONSE_MS / 1000} s`)),
    RESPONSE_MS,
  );
  request.on("socket", (socket) => void socket.setKeepAlive(true, KEEP_ALIVE_MS));
  let responded = false;
  request.once("response", (response) => {
    responded = true;
    clearTimeout(deadline);
    resolve(response);
  });
  request.on("error", (cause) => {
    clearTimeout(deadline);
    // A connection that is reset later is told here too; who reads the body hears of it there.
    if (responded) return;
    // The server may have closed an idle connection just now.
    if (again && request.reusedSocket && !signal.aborted) return resolve(send(server, path, options, signal, false));
    reject(new ApiError("unreachable", `${server.origin}: ${describeError(cause)}`, { cause }));
  });
  request.end();
  return promise;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const late = setTimeout(() => response.destroy(), ERROR_BODY_MS);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      pieces.push(chunk);
      bytes += chunk.length;
      if (bytes > ERROR_BODY_BYTES) break;
    }
  } catch {
    // Cut, or too slow.
  } finally {
    clearTimeout(late);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** A status of the API as an error. `verb` and `kind` name what to grant. */
export function refusalOf(
  status: number,
  retryAfter: string | undefined,
  body: string,
  verb: Verb,
  kind: Kind,
): ApiError {
  const options = { status, retryAfterMs: retryAfterMs(retryAfter) };
  const fact = messageOf(body) || `status ${status}`;
  const what = resourceName(kind);
  switch (status) {
    case 401:
      return new ApiError("unauthorized", `not logged in: ${fact}`, options);
    case 403:
      return new ApiError("forbidden", `not allowed to ${verb} ${what}: ${fact}`, {
        ...options,
        hint: `Grant "list" and "watch" on ${what} (deploy/rbac)`,
      });
    case 404:
      return new ApiError("absent", `the API has no ${what}: ${fact}`, options);
    case 410:
      return new ApiError("gone", `too old: ${fact}`, options);
    default:
      return new ApiError("refused", `cannot ${verb} ${what}: ${fact}`, options);
  }
}

/** `message` of a Status object, or the text itself, as one line. */
function messageOf(body: string): string {
  let message = body;
  try {
    message = text(record(JSON.parse(body))["message"]);
  } catch {}
  return message
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 300);
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS);
}

async function within<T>(ms: number, promise: Promise<T>, fact: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new KubeConfigError(fact)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
