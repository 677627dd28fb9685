/**
 * One message sent to one upstream, waiting for its reply.
 *
 * An owner (a flight, a health probe) makes attempts and gives them to a carrier (UDP ports, stream connections,
 * HTTP). The carrier chooses the id and calls the owner back at most once; what the owner has cancelled is silent.
 */
import type { ResponseScan } from "../../dns/response-scan.ts";
import type { FailureKind } from "./upstream-error.ts";

export interface AttemptOwner {
  /** Query to send. The carrier overwrites the id in place and copies the rest at each send. */
  readonly wire: Uint8Array;
  /** Offset after the question of `wire`. */
  readonly questionEnd: number;
  /** The same without OPT record. */
  readonly plainLength: number;
  /**
   * The reply to an attempt: id and question are right, and it is well formed unless it came by UDP with TC.
   *
   * @param message only valid during the call
   * @param scan of `message`, only valid during the call; not made for UDP with TC
   */
  answered(attempt: Attempt, message: Uint8Array, scan: ResponseScan): void;
  failed(attempt: Attempt, kind: FailureKind, cause?: unknown): void;
}

/** Where an attempt waits: a port, a connection, a request. */
export interface Place {
  /** Forgets the attempt: its reply will be a stray. */
  release(attempt: Attempt): void;
  /** The attempt has waited unusually long. A connection on which nothing has come since is then used no more. */
  doubt(attempt: Attempt): void;
}

/** Takes attempts to one upstream over one transport. */
export interface Carrier {
  readonly proto: "udp" | "tcp";
  /** Sends `attempt`, whose `place` is then set. @returns why it could not even be sent */
  send(attempt: Attempt, nowMs: number): FailureKind | undefined;
  /** Once a second: closes what is too old or idle. */
  sweep(nowMs: number): void;
  /**
   * Closes all connections; attempts on them go out again over new ones, or fail.
   *
   * @returns how many; absent where there are none
   */
  renew?(): number;
  /** Closes all. Attempts still there get no call. */
  close(): void;
}

export class Attempt {
  readonly owner: AttemptOwner;
  readonly carrier: Carrier;
  /** Which server of the owner's list. */
  readonly serverIndex: number;
  readonly withEdns: boolean;
  readonly sentAtMs: number;
  /** Over UDP: a port that nobody used before. */
  readonly freshPort: boolean;
  /** Over UDP: go on waiting after a reply with a wrong id. */
  readonly tolerant: boolean;
  id: number;
  /** It went out a second time because its connection had been closed. */
  resent: boolean;
  /** Set while it waits; undefined before and after. */
  place: Place | undefined;
  /** Only its table writes it. */
  nextOfBucket: Attempt | undefined;

  constructor(
    owner: AttemptOwner,
    carrier: Carrier,
    serverIndex: number,
    withEdns: boolean,
    sentAtMs: number,
    freshPort = false,
    tolerant = false,
  ) {
    this.owner = owner;
    this.carrier = carrier;
    this.serverIndex = serverIndex;
    this.withEdns = withEdns;
    this.sentAtMs = sentAtMs;
    this.freshPort = freshPort;
    this.tolerant = tolerant;
    this.id = 0;
    this.resent = false;
    this.place = undefined;
    this.nextOfBucket = undefined;
  }

  /** Bytes of `owner.wire` to send. */
  get length(): number {
    return this.withEdns ? this.owner.wire.length : this.owner.plainLength;
  }

  cancel(): void {
    const place = this.place;
    this.place = undefined;
    place?.release(this);
  }
}
