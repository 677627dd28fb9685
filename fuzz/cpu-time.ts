/** CPU time of this thread: what other processes do on a busy machine is not in it. */

/** Milliseconds so far; only differences mean something. */
export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
