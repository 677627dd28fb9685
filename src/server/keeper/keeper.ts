/** `nodens serve` as the keeper of its server: entry of the process, loaded by `bin/nodens.js`. */
import { systemClock } from "../../base/clock.ts";
import { standardLog } from "../../base/log.ts";
import { libc } from "../../linux/libc.ts";
import { Supervisor } from "./supervisor.ts";

export interface KeeperOptions {
  /** Program and arguments of a server. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Whether this machine can have a keeper: it needs the C library. */
export function canKeep(): boolean {
  return libc() !== undefined;
}

/** Runs servers until one ends in good order, or the first one fails to start. @returns the exit code */
export async function runKeeper(options: KeeperOptions): Promise<number> {
  const supervisor = new Supervisor({ ...options, log: standardLog(), clock: systemClock });
  const end = (signal: NodeJS.Signals): void => supervisor.end(signal);
  const reload = (signal: NodeJS.Signals): void => supervisor.reload(signal);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, end);
  for (const signal of ["SIGUSR1", "SIGHUP"] as const) process.on(signal, reload);
  return supervisor.run();
}
