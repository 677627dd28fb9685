/**
 * Child processes of the bench: pinned to a core, and never left behind.
 *
 * They die with the bench even when it is killed (`setpriv --pdeathsig`, where util-linux is there), and on Ctrl-C, at
 * the end, and when the bench fails.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess, type StdioOptions } from "node:child_process";
import { cpus } from "node:os";
import { childrenOf } from "./process-accounts.ts";

const alive = new Set<ChildProcess>();
const withParentDeath =
  spawnSync("setpriv", ["--pdeathsig", "KILL", "true"], { stdio: "ignore" }).status === 0
    ? ["setpriv", "--pdeathsig", "KILL"]
    : [];

/** Whether a program is on the path. */
export function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" }).status === 0;
}

/** First line that a program prints about its version; undefined when it is not installed. */
export function versionLine(program: string, args: readonly string[], pattern: RegExp): string | undefined {
  if (!isInstalled(program)) return undefined;
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return pattern.exec(`${stdout}\n${stderr}`)?.[1] ?? "unknown";
}

/** Starts a program on one core, or on any: the bench's own is one. The caller ends it with `endChild`. */
export function spawnPinned(core: number | "any", command: readonly string[], stdio: StdioOptions): ChildProcess {
  const cores = core === "any" ? `0-${cpus().length - 1}` : String(core);
  const [program = "", ...args] = [...withParentDeath, "taskset", "-c", cores, ...command];
  const child = spawn(program, args, { stdio });
  alive.add(child);
  child.once("exit", () => alive.delete(child));
  child.once("error", () => alive.delete(child));
  return child;
}

/** Asks it to stop, and its whole tree to die when it has not after two seconds. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const tree = childrenOf(child.pid);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
  await exited;
  clearTimeout(timer);
  killAll(tree);
}

/** Kills all that is left, without waiting: for the way out. */
export function killChildren(): void {
  for (const child of alive) {
    if (child.pid !== undefined) killAll([...childrenOf(child.pid), child.pid]);
  }
}

/** Moves this process itself to a core, so that it stays off the one that is measured. */
export function pinSelf(core: number): void {
  execFileSync("taskset", ["-a", "-c", "-p", String(core), String(process.pid)], { stdio: "ignore" });
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
}
