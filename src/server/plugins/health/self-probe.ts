/**
 * Asks the process's own health endpoint once a second and measures how long the answer takes: when that grows, the
 * process has trouble to keep up.
 */
import type { Agent } from "node:http";
import type { Clock } from "../../../base/clock.ts";
import type { Log } from "../../../base/log.ts";
import { formatDuration } from "../../corefile/duration.ts";
import type { CounterSeries, HistogramSeries } from "../../metrics/event-families.ts";
import type { Metrics } from "../../metrics/metrics.ts";

const EVERY_MS = 1_000;
const TIMEOUT_MS = 3_000;
/** A local request that takes longer is worth a line. */
const SLOW_MS = 1_000;

export interface SelfProbeOptions {
  /** IP address that the endpoint listens on; `::` and `0.0.0.0` for all. */
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** As log lines show it. */
  readonly url: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeoutMs?: number;
}

export class SelfProbe {
  readonly #options: SelfProbeOptions;
  readonly #host: string;
  readonly #durations: HistogramSeries;
  readonly #failures: CounterSeries;
  readonly #agent: Agent;
  #timer: NodeJS.Timeout | undefined;
  #busy: boolean;
  #stopped: boolean;

  constructor(options: SelfProbeOptions) {
    this.#options = options;
    this.#host = options.host === "::" || options.host === "0.0.0.0" ? "127.0.0.1" : options.host;
    this.#durations = options.metrics.histogram("coredns_health_request_duration_seconds").with();
    this.#failures = options.metrics.counter("coredns_health_request_failures_total").with();
    this.#agent = new (process.getBuiltinModule("node:http").Agent)({ keepAlive: true, maxSockets: 1 });
    this.#timer = undefined;
    this.#busy = false;
    this.#stopped = false;
  }

  start(): void {
    this.#timer = setInterval(() => void this.probe(), EVERY_MS);
    this.#timer.unref();
  }

  /** Ends what is under way, uncounted. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  /** Asks once, unless the time before is still waiting. Never rejects. */
  async probe(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    const { clock, log, url } = this.#options;
    const startMs = clock.monotonicMs();
    const error = await this.#ask();
    this.#busy = false;
    // Whatever became of it: nobody wants to know any more.
    if (this.#isStopped()) return;
    const elapsedMs = clock.monotonicMs() - startMs;
    this.#durations.observe(elapsedMs / 1000);
    if (error !== undefined) {
      this.#failures.add();
      log.warning(`Local health request to "${url}" failed: ${error.message}`);
    } else if (elapsedMs > SLOW_MS) {
      log.warning(`Local health request to "${url}" took more than 1s: ${formatDuration(elapsedMs)}`);
    }
  }

  #isStopped(): boolean {
    return this.#stopped;
  }

  /** @returns why there was no answer */
  #ask(): Promise<Error | undefined> {
    const { port, path, timeoutMs = TIMEOUT_MS } = this.#options;
    return new Promise((resolve) => {
      const request = process
        .getBuiltinModule("node:http")
        .get({ host: this.#host, port, path, agent: this.#agent }, (response) => {
          response.resume();
          response.on("error", () => {});
          clearTimeout(deadline);
          resolve(undefined);
        });
      const deadline = setTimeout(
        () => request.destroy(new Error(`no answer within ${formatDuration(timeoutMs)}`)),
        timeoutMs,
      );
      deadline.unref();
      request.on("error", (error) => {
        clearTimeout(deadline);
        resolve(error);
      });
    });
  }
}
