/** A query that a dead server had received and perhaps not answered, as it is handed on. */

/** In a record of a ring, above its kind: how many servers have died with the query. */
export const DEATHS_SHIFT = 8;

/** All is the receiver's to keep. */
export interface LeftQuery {
  /** Id of the endpoint that it came by. */
  readonly listener: number;
  readonly wire: Uint8Array;
  readonly sockaddr: Uint8Array;
  /** Packet info; undefined when the socket has one address. */
  readonly control: Uint8Array | undefined;
  /** CLOCK_MONOTONIC, milliseconds. */
  readonly receivedAtMs: number;
  /** Servers that have died with it in hand, at least. */
  readonly deaths: number;
}
