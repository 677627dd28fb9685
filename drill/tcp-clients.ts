/**
 * TCP beside the load: connections made all the time, and a few that are kept.
 *
 * A new connection must be accepted and answered whatever happens, for the listening socket outlives the server; only
 * one that a server had taken when it was harmed may be cut. Kept ones may be cut, and are made anew.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../src/base/clock.ts";
import { LOST_AFTER_MS } from "./summary.ts";
import { TcpConnection, type TcpFate } from "./tcp-connection.ts";

const NEW_EVERY_MS = 50;
const KEPT = 4;
const ASK_EVERY_MS = 100;

export interface TcpCounts {
  readonly connections: number;
  readonly answered: number;
  /** Answered with SERVFAIL or the like. */
  readonly failures: number;
  /** Accepted before a harm, ended by it. */
  readonly cut: number;
  /** Refused, silent for 5 s, cut without a harm, or answered wrongly. */
  readonly failed: number;
  /** From `connect` to the answer, milliseconds. */
  readonly worstMs: number;
  /** Of the kept connections. */
  readonly kept: {
    readonly questions: number;
    readonly answered: number;
    readonly failures: number;
    /** Connections that ended. Each had at most one question under way. */
    readonly ends: number;
    readonly unansweredAtEnd: number;
    readonly failed: number;
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class TcpClients {
  readonly #port: number;
  readonly #hotNames: number;
  readonly #harms: HarmSpan[];
  readonly #open: Set<TcpConnection>;
  readonly #running: Promise<void>[];
  readonly #counts: Writable<Omit<TcpCounts, "kept">>;
  readonly #kept: Writable<TcpCounts["kept"]>;
  #next: number;
  #stopping: boolean;

  constructor(port: number, hotNames: number) {
    this.#port = port;
    this.#hotNames = hotNames;
    this.#harms = [];
    this.#open = new Set();
    this.#running = [];
    this.#counts = { connections: 0, answered: 0, failures: 0, cut: 0, failed: 0, worstMs: 0 };
    this.#kept = { questions: 0, answered: 0, failures: 0, ends: 0, unansweredAtEnd: 0, failed: 0 };
    this.#next = 0;
    this.#stopping = false;
  }

  get counts(): TcpCounts {
    return { ...this.#counts, kept: { ...this.#kept } };
  }

  /** Begins; `finish` ends it. */
  start(): void {
    this.#running.push(this.#makeNew());
    for (let i = 0; i < KEPT; i++) this.#running.push(this.#keepOne());
  }

  /** To be called just before a harm is done. @returns to be called when a harm that takes its time is over */
  noteHarm(): () => void {
    const nowMs = systemClock.monotonicMs();
    const harm = { fromMs: nowMs, toMs: nowMs };
    this.#harms.push(harm);
    return () => {
      harm.toMs = systemClock.monotonicMs();
    };
  }

  /**
   * Waits for the first answer on a connection that is made now: with the server dead or standing still, that of the
   * next one.
   *
   * @returns milliseconds; undefined when `signal` came first
   */
  async firstAnswer(signal: AbortSignal): Promise<number | undefined> {
    const beganMs = systemClock.monotonicMs();
    while (!signal.aborted) {
      const connection = this.#connect();
      const giveUp = (): void => connection.close();
      signal.addEventListener("abort", giveUp);
      const fate = await connection.ask(this.#question(), 60_000);
      signal.removeEventListener("abort", giveUp);
      this.#close(connection);
      if (fate === "answered" || fate === "failure") return systemClock.monotonicMs() - beganMs;
      await sleep(5);
    }
    return undefined;
  }

  /** Waits for the answers under way. */
  async finish(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
    for (const connection of this.#open) connection.close();
  }

  async #makeNew(): Promise<void> {
    const underWay: Promise<void>[] = [];
    while (!this.#stopping) {
      underWay.push(this.#oneNew());
      await sleep(NEW_EVERY_MS);
    }
    await Promise.all(underWay);
  }

  async #oneNew(): Promise<void> {
    const counts = this.#counts;
    const beganMs = systemClock.monotonicMs();
    const connection = this.#connect();
    counts.connections++;
    const fate = await connection.ask(this.#question(), LOST_AFTER_MS);
    const endedMs = systemClock.monotonicMs();
    this.#close(connection);
    if (fate === "answered") {
      counts.answered++;
      counts.worstMs = Math.max(counts.worstMs, endedMs - beganMs);
    } else if (fate === "failure") {
      counts.failures++;
    } else if (isExcused(fate, beganMs, endedMs, this.#harms)) {
      counts.cut++;
    } else {
      counts.failed++;
    }
  }

  async #keepOne(): Promise<void> {
    const kept = this.#kept;
    let connection = this.#connect();
    while (!this.#stopping) {
      const wasOver = connection.isOver;
      const fate = await connection.ask(this.#question(), LOST_AFTER_MS);
      // Nobody listens: that is counted where new connections are.
      const carried = !wasOver && fate !== "refused";
      if (carried) kept.questions++;
      if (fate === "answered") kept.answered++;
      else if (fate === "failure") kept.failures++;
      else if (fate === "wrong" || fate === "silent") kept.failed++;
      if (connection.isOver) {
        if (fate === "cut") kept.ends++;
        if (fate === "cut" && carried) kept.unansweredAtEnd++;
        this.#close(connection);
        connection = this.#connect();
      }
      await sleep(ASK_EVERY_MS);
    }
    this.#close(connection);
  }

  #question(): number {
    return this.#next++ % this.#hotNames;
  }

  #connect(): TcpConnection {
    const connection = new TcpConnection(this.#port);
    this.#open.add(connection);
    return connection;
  }

  #close(connection: TcpConnection): void {
    connection.close();
    this.#open.delete(connection);
  }
}

export interface HarmSpan {
  readonly fromMs: number;
  toMs: number;
}

/** Whether a new connection came to its end because a harm was done to the server that had accepted it. */
export function isExcused(
  fate: TcpFate,
  beganMs: number,
  endedMs: number,
  harms: readonly Readonly<HarmSpan>[],
): boolean {
  return fate === "cut" && harms.some(({ fromMs, toMs }) => toMs >= beganMs && fromMs <= endedMs);
}
