/** Bounds of the TCP service. Each is an option; what they close or hold back is counted by `TcpStats`. */

export interface TcpLimits {
  /** Connections of all listeners together. One more takes the place of the longest idle one, or is reset. */
  readonly connections: number;
  /** Connections of one client address. One more is reset. */
  readonly connectionsPerClient: number;
  /** Queries of one connection that wait for their answers. Above it nothing more is read from the connection. */
  readonly inFlight: number;
  /** After so many queries on one connection it is closed when they are answered (RFC 9210 §4.2 wants it settable). */
  readonly queriesPerConnection: number;
  /** Time without a query and without an answer owed, while at most half of `connections` are open. */
  readonly idleMs: number;
  /** What `idleMs` shrinks to, in proportion, while the second half of `connections` fills. */
  readonly idleFloorMs: number;
  /** From the handshake to the first whole message. */
  readonly firstMessageMs: number;
  /** From the first byte of a message to its last (slow loris). */
  readonly partialMessageMs: number;
  /** Without a byte taken by a client to whom answers were sent. */
  readonly slowReaderMs: number;
  /** Bytes of answers that the kernel did not take because the client does not read. */
  readonly unsentBytes: number;
  /** From our FIN to the client's: after it the connection is dropped. */
  readonly lingerMs: number;
}

/** The times of first message and idleness are those of CoreDNS (3 s, 10 s). */
export const DEFAULT_TCP_LIMITS: TcpLimits = {
  connections: 1024,
  connectionsPerClient: 64,
  inFlight: 128,
  queriesPerConnection: Number.POSITIVE_INFINITY,
  idleMs: 10_000,
  idleFloorMs: 200,
  firstMessageMs: 3_000,
  partialMessageMs: 5_000,
  slowReaderMs: 5_000,
  unsentBytes: 256 * 1024,
  lingerMs: 1_000,
};

/**
 * How long a connection may be idle now.
 *
 * @param open connections open now, 0 to `limits.connections`
 * @returns milliseconds, between `idleFloorMs` and `idleMs`
 */
export function idleLimitMs(limits: TcpLimits, open: number): number {
  const half = limits.connections / 2;
  if (open <= half || limits.idleMs <= limits.idleFloorMs) return limits.idleMs;
  const left = Math.max(0, limits.connections - open) / half;
  return limits.idleFloorMs + (limits.idleMs - limits.idleFloorMs) * left;
}
