/** Which process of a `nodens serve` is the server, and how all of them end. */
import { readdirSync, readFileSync } from "node:fs";
import { childrenOf } from "../bench/process-accounts.ts";

/** What the kernel tells of processes; the tests tell it something else. */
export interface ProcessTable {
  /** Processes below `pid`, nearest first. */
  childrenOf(pid: number): readonly number[];
  /** Command line; empty for a process that has died and was not yet waited for, or is gone. */
  argumentsOf(pid: number): readonly string[];
}

export const procTable: ProcessTable = {
  childrenOf,
  argumentsOf: (pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    } catch {
      return [];
    }
  },
};

/** The child of a keeper that serves. @returns undefined when there is none: no keeper, or no server at this moment */
export function serverBelow(keeperPid: number, table: ProcessTable = procTable): number | undefined {
  return table.childrenOf(keeperPid).find((pid) => table.argumentsOf(pid).includes("serve"));
}

/** The process that answers: the child of the started one that serves, else the started one itself. */
export function serverProcess(keeperPid: number, table: ProcessTable = procTable): number {
  return serverBelow(keeperPid, table) ?? keeperPid;
}

/** Whether a process runs, or stands still; one that has died and was not waited for does not. */
export function isAlive(pid: number, table: ProcessTable = procTable): boolean {
  return table.argumentsOf(pid).length > 0;
}

/** @returns whether the signal could be sent */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** Kills every process that was started, at any depth, with `variable` in its environment, orphans included. */
export function killMarked(variable: string): void {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry) || !environmentOf(entry).includes(variable)) continue;
    const pid = Number(entry);
    if (pid !== process.pid) signal(pid, "SIGKILL");
  }
}

function environmentOf(entry: string): readonly string[] {
  try {
    return readFileSync(`/proc/${entry}/environ`, "utf8").split("\0");
  } catch {
    // Gone, or another user's.
    return [];
  }
}
