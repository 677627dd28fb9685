/**
 * Finds out when an upstream that failed answers again.
 *
 * Nothing is probed while questions are answered. After a failure a query (`. NS`) is sent every interval until some
 * reply comes, whatever it says; each that brings none counts toward `max_fails`.
 */
import { nameFromText } from "../../dns/name-text.ts";
import { FLAG_RD, HEADER_BYTES } from "../../dns/header.ts";
import { CLASS_IN, TYPE_NS } from "../../dns/types.ts";
import { Attempt, type AttemptOwner, type Carrier } from "./attempt.ts";
import { type DeadlineWheel, WheelEntry } from "./deadline-wheel.ts";
import type { Probe, UpstreamServer } from "./upstream-server.ts";
import { upstreamQueryBytes, writeUpstreamQuery } from "./upstream-query.ts";

/** A probe without reply for so long has failed (CoreDNS: 1 s to dial, to write and to read). */
export const PROBE_TIMEOUT_MS = 1000;

export interface ProbeSettings {
  readonly intervalMs: number;
  readonly recursionDesired: boolean;
  /** Absolute name to ask the NS records of; `.` by default. */
  readonly domain: string;
  readonly timeoutMs: number;
}

export class HealthProbe extends WheelEntry implements AttemptOwner, Probe {
  readonly wire: Uint8Array;
  readonly questionEnd: number;
  readonly #server: UpstreamServer;
  readonly #carrier: Carrier;
  readonly #settings: ProbeSettings;
  readonly #wheel: DeadlineWheel;
  readonly #nowMs: () => number;
  /** Asking, or waiting to ask again. */
  #running: boolean;
  #attempt: Attempt | undefined;

  constructor(
    server: UpstreamServer,
    carrier: Carrier,
    settings: ProbeSettings,
    wheel: DeadlineWheel,
    nowMs: () => number,
  ) {
    super();
    const name = nameFromText(settings.domain);
    const question = new Uint8Array(HEADER_BYTES + name.length + 4);
    question.set(name, HEADER_BYTES);
    question.set([0, TYPE_NS, 0, CLASS_IN], HEADER_BYTES + name.length);
    this.wire = new Uint8Array(upstreamQueryBytes(question.length));
    writeUpstreamQuery(this.wire, question, question.length, settings.recursionDesired ? FLAG_RD : 0, false);
    this.questionEnd = question.length;
    this.#server = server;
    this.#carrier = carrier;
    this.#settings = settings;
    this.#wheel = wheel;
    this.#nowMs = nowMs;
    this.#running = false;
    this.#attempt = undefined;
  }

  get plainLength(): number {
    return this.questionEnd;
  }

  /** Without effect while a probe is under way. */
  begin(nowMs: number): void {
    if (this.#running) return;
    this.#running = true;
    this.#ask(nowMs);
  }

  stop(): void {
    this.#running = false;
    this.#wheel.cancel(this);
    this.#attempt?.cancel();
    this.#attempt = undefined;
  }

  answered(): void {
    this.stop();
    this.#server.fails = 0;
    this.#server.answered(this.#nowMs());
  }

  failed(): void {
    this.#attempt = undefined;
    this.#server.fails++;
    this.#server.stats.healthcheckFailures.add();
    this.#wheel.schedule(this, this.#nowMs() + this.#settings.intervalMs);
  }

  due(nowMs: number): void {
    if (this.#attempt === undefined) {
      this.#ask(nowMs);
      return;
    }
    this.#attempt.cancel();
    this.failed();
  }

  #ask(nowMs: number): void {
    // Without OPT: any server that is alive can read it.
    this.#attempt = new Attempt(this, this.#carrier, 0, false, nowMs);
    if (this.#carrier.send(this.#attempt, nowMs) === undefined) {
      this.#wheel.schedule(this, nowMs + this.#settings.timeoutMs);
    } else {
      this.failed();
    }
  }
}
