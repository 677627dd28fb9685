/** The keeper of a server: entry of the process, loaded by the launchers in `bin/`. */
import { readFileSync } from "node:fs";
import { systemClock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import { standardLog } from "../../base/log.ts";
import { libc } from "../../linux/libc.ts";
import { Handover } from "./handover.ts";
import { KeeperError } from "./keeper-error.ts";
import { NODE_END_SIGNAL } from "./names.ts";
import { NodeLife, type NodePlan } from "./node-life.ts";
import { trapNodeSignals } from "./node-signals.ts";
import { Supervisor } from "./supervisor.ts";

export interface KeeperOptions {
  /** Program and arguments of a server. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Servers read their configuration on standard input. It can be read once, so it is read here and given to each. */
  readonly readsInput: boolean;
  /** Path of the socket by which instances hand over, one to the next; undefined: none do. */
  readonly handover?: string | undefined;
  /** What this keeper does to the node; undefined: nothing. */
  readonly node?: NodePlan;
}

/** Whether this machine can have a keeper: it needs the C library. */
export function canKeep(): boolean {
  return libc() !== undefined;
}

/** Runs servers until one ends in good order, or the first one fails to start. @returns the exit code */
export async function runKeeper(options: KeeperOptions): Promise<number> {
  const log = standardLog();
  // Before there are handlers of signals: whoever is asked for input may be slow to give it, and is not to be waited for.
  const input = options.readsInput ? standardInput() : undefined;
  let handover: Handover | undefined;
  try {
    handover = options.handover === undefined ? undefined : Handover.begin(options.handover, log);
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error;
    process.stderr.write(`nodens: ${describeError(error)}\n`);
    return 1;
  }
  let served = false;
  const supervisor = new Supervisor({
    ...options,
    input,
    log,
    clock: systemClock,
    inheritance: handover?.inheritance,
    onFirstReady: () => {
      served = true;
      handover?.serve({
        get kept() {
          return supervisor.kept;
        },
        handOver: (leave) => {
          node?.leave();
          supervisor.handOver(leave);
        },
        take: (left) => supervisor.take(left),
      });
      node?.serves();
      // The instance before has the node's queries already.
      if (handover?.inheritance !== undefined) void node?.capture();
    },
    onAnswers: () => void node?.capture(),
    onFallback: (endpoints) => node?.tellFallback(endpoints),
  });
  const node =
    options.node === undefined
      ? undefined
      : new NodeLife({ ...options.node, log, clock: systemClock, counters: supervisor.counters });
  let exitCode: (code: number) => number = (code) => code;
  if (node === undefined) {
    const end = (signal: NodeJS.Signals): void => supervisor.end(signal);
    const reload = (signal: NodeJS.Signals): void => supervisor.reload(signal);
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, end);
    for (const signal of ["SIGUSR1", "SIGHUP"] as const) process.on(signal, reload);
  } else {
    exitCode = trapNodeSignals({
      node,
      end: (how) => supervisor.end(how === "in order" ? NODE_END_SIGNAL : "SIGKILL"),
      reload: (signal) => supervisor.reload(signal),
    });
  }
  await node?.prepare();
  const code = await supervisor.run();
  await node?.finish(served);
  handover?.close();
  return exitCode(code);
}

/** @returns undefined when it cannot be read: a server that tries says so */
function standardInput(): string | undefined {
  try {
    return readFileSync(0, "utf8");
  } catch {
    return undefined;
  }
}
