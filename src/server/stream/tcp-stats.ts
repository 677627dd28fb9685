/** What the TCP service tells whoever counts. Messages themselves are counted where they are answered. */

/**
 * Why a connection ended.
 *
 * `client`: it closed first. `error`: the network or the client broke it. `malformed`: a message shorter than a DNS
 * header. `displaced`: the longest idle one when the table was full. `defect`: an answer failed in a way it must not.
 */
export type TcpCloseReason =
  | "client"
  | "error"
  | "idle"
  | "first_message"
  | "partial_message"
  | "slow_reader"
  | "malformed"
  | "queries"
  | "displaced"
  | "shutdown"
  | "defect";

/** Which bound a new connection met: `connections` or `connectionsPerClient`; or its TLS handshake failed. */
export type TcpRefusalReason = "total" | "client" | "handshake";

export interface TcpStats {
  opened(): void;
  closed(reason: TcpCloseReason): void;
  /** Ended before a message could be read; neither `opened` nor `closed` is called for it. */
  refused(reason: TcpRefusalReason): void;
  /** Reading stopped for a while: too many queries in flight, or a client that does not read its answers. */
  paused(): void;
}

export const NO_TCP_STATS: TcpStats = { opened() {}, closed() {}, refused() {}, paused() {} };
