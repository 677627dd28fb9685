import { requireLibc } from "./libc.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * From now on this process is killed when its parent ends, however that ends (man 2 PR_SET_PDEATHSIG).
 *
 * @param parent process id that the parent had when it started this one
 * @returns false when the parent is gone already
 */
export function dieWithParent(parent: number): boolean {
  requireLibc().prctl(PR_SET_PDEATHSIG, SIGKILL);
  return process.ppid === parent;
}
