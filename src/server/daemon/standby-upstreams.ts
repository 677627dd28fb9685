/** Which questions the standby may put to upstreams while there is no server. */
import type { SocketAddress } from "../../base/address.ts";
import type { Block } from "./block.ts";

/** Plugins that neither answer nor change a question that is not cached, nor what comes back. */
const PASSED_OVER: ReadonlySet<string> = new Set([
  "bind",
  "cache",
  "cancel",
  "debug",
  "errors",
  "forward",
  "health",
  "log",
  "loop",
  "metadata",
  "multisocket",
  "pprof",
  "prometheus",
  "ready",
  "reload",
  "root",
  "timeouts",
  "tls",
  "trace",
]);

/** @returns none when the block's chain does more than to cache and forward */
export function standbyUpstreams({ plugins, slow, accepts }: Block): readonly SocketAddress[] {
  if (slow || accepts !== undefined || plugins.some(({ directive }) => !PASSED_OVER.has(directive))) return [];
  const forward = plugins.find(({ directive }) => directive === "forward");
  const upstreams = forward?.instance.plainUpstreams?.() ?? [];
  return upstreams.map(({ address, port }) => ({ address, port }));
}
