/**
 * Signals of the node agent, as node-cache takes them.
 *
 *   SIGTERM  rules go, what is in flight is answered, the interface goes; exit 0
 *   SIGINT   the same; a second one ends at once with 2
 *   SIGQUIT  rules and interface go, nothing is waited for; exit 0
 *   SIGUSR1  the configuration is read again
 *   SIGHUP   nothing
 */
import { constants } from "node:os";
import { NODE_END_SIGNAL } from "./names.ts";

export interface NodeSignalTargets {
  readonly node: { release(): Promise<void> };
  /** Ends what serves, in good order or at once. May be called again. */
  readonly end: (how: "in order" | "at once") => void;
  readonly reload: (signal: NodeJS.Signals) => void;
}

/** One Ctrl-C may come twice: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 1000;
const INTERRUPTED_TWICE = 2;
const ENDED_EARLY: number = 128 + constants.signals[NODE_END_SIGNAL];

/** From now on they do that. @returns what the process ends with, from the exit code of what served */
export function trapNodeSignals({ node, end, reload }: NodeSignalTargets): (code: number) => number {
  let forced: number | undefined;
  let endingAtMs: number | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    const nowMs = performance.now();
    const again = endingAtMs !== undefined && nowMs - endingAtMs > SAME_SIGNAL_MS;
    if (signal === "SIGQUIT" || (again && signal === "SIGINT")) {
      forced = signal === "SIGQUIT" ? 0 : INTERRUPTED_TWICE;
      void node.release().then(() => end("at once"));
    } else if (endingAtMs === undefined) {
      void node.release().then(() => end("in order"));
    } else if (again) {
      // Somebody does not want to wait for lameduck and queries in flight.
      void node.release().then(() => end("at once"));
    }
    endingAtMs ??= nowMs;
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) process.on(signal, stop);
  process.on("SIGUSR1", reload);
  process.on("SIGHUP", () => {});
  return (code) => {
    // A server that had only begun to start has nothing to answer, and dies of the signal.
    const orderly = endingAtMs !== undefined && code === ENDED_EARLY ? 0 : code;
    return forced ?? orderly;
  };
}
