/** Child processes that inherit descriptors. */
import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { constants } from "node:os";
import { describeError } from "../base/errors.ts";

export interface ProcessStart {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What it reads on standard input; undefined: this process's. */
  readonly input?: string | undefined;
  /** Descriptors that it gets, as 3 and on; 1 and 2 are this process's. They stay the caller's. */
  readonly descriptors: readonly number[];
  /** It gets one more, the last: called whenever it has written something there. What it writes says nothing. */
  readonly onBell: () => void;
  /** Called once, never before `startProcess` has returned. @param end exit code, or why there is none */
  readonly onEnd: (end: ProcessEnd) => void;
}

export type ProcessEnd =
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: NodeJS.Signals }
  | { readonly kind: "error"; readonly message: string };

export interface RunningProcess {
  /** undefined when it could not be started: `onEnd` says why. */
  readonly pid: number | undefined;
  kill(signal: NodeJS.Signals): void;
}

const TUNABLES_VARIABLE = "GLIBC_TUNABLES";
const RSEQ_TUNABLE = "glibc.pthread.rseq";

/**
 * The environment of a process without restartable sequences. glibc has the kernel write the number of the CPU into a thread's memory
 * each time that the thread comes back from waiting, for `sched_getcpu` alone, which does without: some 3 % of what a thread takes
 * that wakes for each query. Another C library does not know the variable. (The GNU C Library manual, "POSIX Thread Tunables".)
 */
export function withoutRestartableSequences(environment: ProcessStart["environment"]): ProcessStart["environment"] {
  const before = environment[TUNABLES_VARIABLE] ?? "";
  if (before.includes(RSEQ_TUNABLE)) return environment;
  const tunables = [...(before === "" ? [] : [before]), `${RSEQ_TUNABLE}=0`].join(":");
  return { ...environment, [TUNABLES_VARIABLE]: tunables };
}

export function startProcess(start: ProcessStart): RunningProcess {
  const [program, ...args] = start.command;
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      stdio: [start.input === undefined ? "inherit" : "pipe", "inherit", "inherit", ...start.descriptors, "pipe"],
      env: start.environment,
    });
  } catch (error) {
    // Some of what may go wrong Node.js tells at once, such as that there is no memory.
    setImmediate(() => start.onEnd({ kind: "error", message: describeError(error) }));
    return { pid: undefined, kill: () => undefined };
  }
  // One that has ended, or closed it, wanted no more.
  child.stdin?.on("error", () => {}).end(start.input);
  // Where there were no descriptors for it there is not even an array.
  const stdio: ChildProcess["stdio"] | undefined = child.stdio;
  const bell = stdio?.at(-1);
  if (bell instanceof Socket) {
    bell.on("data", start.onBell);
    // It may be reset when the process is killed: that is told by its end.
    bell.on("error", () => {});
    bell.unref();
  }
  child.on("error", (error) => {
    // Of a signal that could not be sent, too: then the process is there.
    if (child.pid === undefined) start.onEnd({ kind: "error", message: error.message });
  });
  child.once("exit", (code, signal) => {
    start.onEnd(signal === null ? { kind: "exit", code: code ?? 1 } : { kind: "signal", signal });
  });
  return { pid: child.pid, kill: (signal) => void child.kill(signal) };
}

/** As a shell tells it: 128 and the signal's number for a process that a signal ended. */
export function exitCodeOf(end: ProcessEnd): number {
  if (end.kind === "exit") return end.code;
  return end.kind === "signal" ? 128 + constants.signals[end.signal] : 1;
}
