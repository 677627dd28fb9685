/** What a server block says about its TCP and TLS listeners: the `timeouts` and `tls` plugins set it, the daemon uses it. */
import type { TlsCredentials } from "../../base/client-certificate.ts";

/** Milliseconds; what is not given has its default. */
export interface StreamTimeouts {
  /** From a connection's start to its first whole query, and from a query's first byte to its last. */
  readonly readMs?: number;
  /** Without a byte taken by a client to whom answers were sent. */
  readonly writeMs?: number;
  /** Without a query and without an answer owed. */
  readonly idleMs?: number;
  /** Queries on one connection; Infinity for no bound. */
  readonly queries?: number;
}

/** Where a TLS listener finds what to serve with. */
export interface TlsSource {
  /** Another object when something changed: connections from then on get it. Called for each connection. */
  current(): TlsCredentials;
  /** Takes a line of a client's key log (the `keylog` option); undefined: nobody wants them. */
  readonly keyLog: ((line: Uint8Array) => void) | undefined;
}
