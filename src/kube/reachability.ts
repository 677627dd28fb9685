/**
 * Waits until the API server can be connected to again.
 *
 * One probe serves all watches of a source: a TCP connection about every second, closed at once. So an outage of any length
 * costs the server next to nothing, and its end is seen within about a second.
 */
import { connect } from "node:net";
import { jittered, type Pace } from "./pace.ts";

const PERIOD_MS = 1000;
const CONNECT_MS = 1000;

export class Reachability {
  readonly #pace: Pace;
  #probing: Promise<void> | undefined;
  #probes = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** So far, for tests. */
  get probes(): number {
    return this.#probes;
  }

  /** Resolves when a connection could be made, or `signal` is aborted. The first attempt waits too. */
  wait(target: URL, signal: AbortSignal): Promise<void> {
    this.#probing ??= this.#probe(target, signal).finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  async #probe(target: URL, signal: AbortSignal): Promise<void> {
    do {
      await this.#pace.sleep(jittered(this.#pace, PERIOD_MS), signal);
      if (signal.aborted) return;
      this.#probes++;
    } while (!(await canConnect(target)));
  }
}

function canConnect(target: URL): Promise<boolean> {
  const port = Number(target.port) || (target.protocol === "http:" ? 80 : 443);
  const host = target.hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (connected: boolean): void => {
      socket.destroy();
      resolve(connected);
    };
    socket.setTimeout(CONNECT_MS, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
