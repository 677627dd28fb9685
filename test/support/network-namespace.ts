/** A network namespace for the process of a test file: what it does to links and rules ends with it. */
import { execFileSync } from "node:child_process";
import { loadLibrary } from "../../src/linux/libc.ts";

const CLONE_NEWNET = 0x40000000;

/**
 * Puts the calling thread, and what it starts from now on, into a new namespace with `lo` up.
 *
 * The main thread only: /proc/net is that one's.
 */
export function enterNewNetworkNamespace(): void {
  const c = loadLibrary<{ unshare(flags: number): number }>("libc.so.6", { unshare: "int unshare(int flags)" });
  if (c?.unshare(CLONE_NEWNET) !== 0) throw new Error("cannot make a network namespace");
  execFileSync("ip", ["link", "set", "lo", "up"]);
}

/** Runs a program. @returns its standard output; throws when its exit code is not 0 */
export function sh(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
