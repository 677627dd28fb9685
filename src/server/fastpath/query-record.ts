/** A query for the main thread, as long as the call lasts. Each of the three copies is a new one. */
export interface QueryRecord {
  /** Of the listener. */
  readonly id: number;
  readonly receivedAtMs: number;
  /** Where the query stands, from `payloadAt` on. */
  readonly bytes: Uint8Array;
  readonly payloadAt: number;
  readonly length: number;
  /** Of the client's address in `bytes`. */
  readonly sockaddrAt: number;
  readonly controlAt: number;
  /** 0 when there is none. */
  readonly controlLength: number;
  payload(): Uint8Array;
  /** The client's address. */
  sockaddr(): Uint8Array;
  /** Packet info; undefined when there is none. */
  control(): Uint8Array | undefined;
}
