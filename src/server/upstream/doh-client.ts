/**
 * DNS over HTTPS toward one upstream (RFC 8484): HTTP/2, one session, a stream for each question.
 */
import type { ClientHttp2Session } from "node:http2";
import { ageTtls } from "../../dns/patch.ts";
import { ResponseScan, TTL_MAX_S } from "../../dns/response-scan.ts";
import type { Attempt, Carrier, Place } from "./attempt.ts";
import { contextOptions, type StreamTarget, type TlsSettings } from "./dial.ts";
import { judgeReply, REPLY_ACCEPTED } from "./reply-check.ts";
import { CARRIER_HTTPS, type ServerStats } from "./server-stats.ts";
import type { StreamLimits } from "./stream-pool.ts";
import { type FailureKind, failureOfCode } from "./upstream-error.ts";
import { stampQuery } from "./upstream-query.ts";

export type DohMethod = "GET" | "POST";

const PATH = "/dns-query";
const MEDIA_TYPE = "application/dns-message";
/** Requests on their way at once. */
const IN_FLIGHT_MAX = 2048;
const MESSAGE_MAX_BYTES = 65_535;

interface Session {
  readonly http: ClientHttp2Session;
  readonly openedAtMs: number;
  usedAtMs: number;
  inFlight: number;
  /** The handshake is done: what fails now may succeed in another session. */
  ready: boolean;
  error: unknown;
}

export class DohClient implements Carrier, Place {
  readonly proto = "tcp";
  readonly #target: StreamTarget;
  readonly #tls: TlsSettings;
  readonly #method: DohMethod;
  readonly #limits: StreamLimits;
  readonly #stats: ServerStats;
  readonly #nowMs: () => number;
  readonly #scan: ResponseScan;
  /** Attempts on their way, and how to break each off. */
  readonly #waiting: Map<Attempt, () => void>;
  #session: Session | undefined;

  constructor(
    target: StreamTarget,
    tls: TlsSettings,
    method: DohMethod,
    limits: StreamLimits,
    stats: ServerStats,
    nowMs: () => number,
  ) {
    this.#target = target;
    this.#tls = tls;
    this.#method = method;
    this.#limits = limits;
    this.#stats = stats;
    this.#nowMs = nowMs;
    this.#scan = new ResponseScan();
    this.#waiting = new Map();
    this.#session = undefined;
  }

  send(attempt: Attempt, nowMs: number): FailureKind | undefined {
    if (this.#waiting.size >= IN_FLIGHT_MAX) return "busy";
    attempt.place = this;
    this.#request(attempt, nowMs);
    return undefined;
  }

  release(attempt: Attempt): void {
    const breakOff = this.#waiting.get(attempt);
    this.#waiting.delete(attempt);
    breakOff?.();
  }

  doubt(attempt: Attempt): void {
    const session = this.#session;
    if (session !== undefined && session.usedAtMs <= attempt.sentAtMs) this.#leave(session);
  }

  sweep(nowMs: number): void {
    const session = this.#session;
    if (session === undefined || session.inFlight > 0) return;
    if (nowMs - session.usedAtMs > this.#limits.expireMs) this.#leave(session);
  }

  close(): void {
    this.#waiting.clear();
    this.#session?.http.destroy();
    this.#session = undefined;
  }

  #request(attempt: Attempt, nowMs: number): void {
    const session = this.#sessionFor(nowMs);
    session.inFlight++;
    // Id 0: then equal questions are equal requests to the caches of HTTP (RFC 8484 §4.1).
    const { owner } = attempt;
    stampQuery(owner.wire, 0, attempt.withEdns);
    const body = Buffer.from(owner.wire.subarray(0, attempt.length));
    const post = this.#method === "POST";
    const stream = session.http.request(
      post
        ? { ":method": "POST", ":path": PATH, "content-type": MEDIA_TYPE, accept: MEDIA_TYPE }
        : { ":method": "GET", ":path": `${PATH}?dns=${body.toString("base64url")}`, accept: MEDIA_TYPE },
      { endStream: !post },
    );
    this.#waiting.set(attempt, () => stream.close());
    let status = 0;
    let ageS = 0;
    let bytes = 0;
    let failure: unknown;
    const chunks: Uint8Array[] = [];
    stream.on("response", (headers) => {
      status = headers[":status"] ?? 0;
      ageS = ageOf(headers.age);
      session.usedAtMs = this.#nowMs();
    });
    stream.on("data", (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes <= MESSAGE_MAX_BYTES) chunks.push(chunk);
      else stream.close();
    });
    stream.on("error", (error) => {
      failure = error;
    });
    stream.on("close", () => {
      session.inFlight--;
      session.usedAtMs = this.#nowMs();
      if (!this.#waiting.has(attempt)) return;
      if (status === 200 && failure === undefined && bytes <= MESSAGE_MAX_BYTES) {
        this.#received(attempt, Buffer.concat(chunks), ageS);
      } else {
        // A stream only knows that it was cancelled. The session tells why, a moment later.
        setImmediate(() => this.#broken(attempt, session, status, failure));
      }
    });
    if (post) stream.end(body);
  }

  /** @param ageS for which the response was held by caches of HTTP: so long its TTLs have run (RFC 8484 §5.1) */
  #received(attempt: Attempt, message: Uint8Array, ageS: number): void {
    const { owner } = attempt;
    this.#waiting.delete(attempt);
    attempt.place = undefined;
    const verdict = judgeReply(message, owner.wire, owner.questionEnd, false, this.#scan);
    if (verdict === REPLY_ACCEPTED) {
      if (ageS > 0) ageTtls(message, 0, this.#scan.ttlAts, this.#scan.ttlCount, ageS, 0);
      owner.answered(attempt, message, this.#scan);
      return;
    }
    // A stream has one reply: there is nothing more to wait for.
    this.#stats.ignore(verdict);
    owner.failed(attempt, "protocol");
  }

  #broken(attempt: Attempt, session: Session, status: number, failure: unknown): void {
    if (!this.#waiting.delete(attempt)) return;
    attempt.place = undefined;
    if (status === 0 && !attempt.resent && session.ready) {
      attempt.resent = true;
      this.#leave(session);
      attempt.place = this;
      this.#request(attempt, this.#nowMs());
      return;
    }
    const cause = session.error ?? failure;
    const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
    attempt.owner.failed(attempt, status === 0 ? failureOfCode(code) : "protocol", cause);
  }

  #sessionFor(nowMs: number): Session {
    const current = this.#session;
    if (current !== undefined && !current.http.closed && !current.http.destroyed) {
      const { maxAgeMs } = this.#limits;
      if (maxAgeMs === 0 || nowMs - current.openedAtMs <= maxAgeMs) {
        this.#stats.hit(CARRIER_HTTPS);
        return current;
      }
      this.#leave(current);
    }
    this.#stats.miss(CARRIER_HTTPS);
    const { connect } = process.getBuiltinModule("node:http2");
    const { address, port, sourceAddress } = this.#target;
    const host = address.includes(":") ? `[${address}]` : address;
    const authority = this.#tls.serverName ?? host;
    const http = connect(`https://${authority}:${port}`, {
      ...contextOptions(this.#tls),
      host: address,
      port,
      ...(this.#tls.serverName === undefined ? {} : { servername: this.#tls.serverName }),
      ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }),
    });
    const session: Session = { http, openedAtMs: nowMs, usedAtMs: nowMs, inFlight: 0, ready: false, error: undefined };
    http.on("connect", () => {
      session.ready = true;
    });
    http.on("error", (error) => {
      session.error = error;
    });
    http.on("close", () => {
      if (this.#session === session) this.#session = undefined;
    });
    http.on("goaway", () => this.#leave(session));
    http.unref();
    this.#session = session;
    return session;
  }

  /** New questions go to another session; those on their way stay. */
  #leave(session: Session): void {
    if (this.#session === session) this.#session = undefined;
    session.http.close();
  }
}

/** Seconds of an Age field (RFC 9111 §5.1); 0 for what is none. */
function ageOf(field: string | undefined): number {
  return field !== undefined && /^\d+$/.test(field) ? Math.min(Number(field), TTL_MAX_S) : 0;
}
