/** Somebody who wants to see what goes to upstreams and comes back (the `dnstap` plugin). */
import { stampQuery } from "./upstream-query.ts";
import type { Attempt } from "./attempt.ts";

export interface TappedMessage {
  /** `10.0.0.10:53` */
  readonly to: string;
  /** `tcp` for TLS and HTTPS too. */
  readonly proto: "udp" | "tcp";
  /** Monotonic milliseconds at which the query left. */
  readonly sentAtMs: number;
  /** The query (id 0 while its connection is opened), or the reply as it came. Only valid during the call. */
  readonly wire: Uint8Array;
}

/** Called on the way of each message: be quick, never throw. */
export interface UpstreamTap {
  sent(message: TappedMessage): void;
  received(message: TappedMessage): void;
}

/** The query of an attempt as it went out. */
export function sentWire(attempt: Attempt): Uint8Array {
  const wire = attempt.owner.wire.slice(0, attempt.length);
  stampQuery(wire, attempt.id, attempt.withEdns);
  return wire;
}
