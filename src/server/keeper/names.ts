/** Names of kept descriptors, and of what a server finds in its environment. */

export const BEATS_NAME = "beats";
/** The timer that a server's threads put off (`fastpath/alarm.ts`). */
export const ALARM_NAME = "alarm";
/** Queries that the standby could not answer. One ring for all servers: only the standby writes, only the server reads. */
export const STANDBY_RING_NAME = "ring/0/standby";
/** Memory in which a dead server's queries stand: `left/GENERATION/KIND/NUMBER`. */
export const LEFT_PREFIX = "left/";
export const ANSWERS_PREFIX = "answers/";

export type SocketKind = "udp" | "tcp" | "tls" | "http";

/** @param port as configured: 0 stays 0, whatever the kernel chose */
export function socketName(kind: SocketKind, address: string, port: number): string {
  return `${kind}/${address}/${port}`;
}

export function isSocketName(name: string): boolean {
  return /^(?:udp|tcp|tls|http)\//.test(name);
}

/** Of an endpoint for probes and metrics: such may be asked for late in a server's start. */
export function isHttpName(name: string): boolean {
  return name.startsWith("http/");
}

/** What another keeper gets that takes over: the rest is of this keeper's own servers. */
export function isHandedOver(name: string): boolean {
  return isSocketName(name) || name.startsWith(ANSWERS_PREFIX);
}

/** Tells a server to end without lameduck: another instance serves already. */
export const HANDED_OVER_SIGNAL = "SIGUSR2";
/**
 * Tells the server of a node agent to end in good order. A service manager may send SIGTERM to keeper and server at once; the
 * server then waits for this, which the keeper sends when no more queries are brought here.
 */
export const NODE_END_SIGNAL = "SIGPWR";
/** Number of the descriptor by which the server talks to its keeper. */
export const CHANNEL_VARIABLE = "NODENS_KEEPER_FD";
/** Number of the descriptor to which it writes one byte after what it has told, for its keeper to look. */
export const BELL_VARIABLE = "NODENS_KEEPER_BELL";
/** The keeper's process id. */
export const KEEPER_VARIABLE = "NODENS_KEEPER_PID";
