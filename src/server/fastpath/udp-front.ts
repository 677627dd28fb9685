/**
 * All UDP of the server as its main thread sees it: listening sockets with the fast path in front, the queries that it
 * handed over, replies to those, and sockets toward upstreams.
 *
 * `ffi-front.ts` is the fast one, `dgram-front.ts` the one that runs anywhere.
 */
import type { AskReader } from "../clients/ask-ring.ts";
import type { UpstreamSockets } from "../upstream/upstream-ports.ts";
import type { FastZone } from "./zone-table.ts";

export interface UdpEndpoint {
  /** Stays the same for the endpoint's life. */
  readonly id: number;
  readonly address: string;
  /** The one that the kernel chose when 0 was asked for. */
  readonly port: number;
  /** What another process needs to serve it: none where sockets have no descriptor. */
  readonly shared?: SharedEndpoint;
}

export interface SharedEndpoint {
  readonly fd: number;
  /** Bound to all addresses: replies name theirs. */
  readonly wildcard: boolean;
}

/** A listening socket of the server before. */
export interface KeptEndpoint {
  /** The front's from now on, whatever comes of it. */
  readonly fd: number;
  /** That the endpoint had: what was left behind carries it. */
  readonly id: number;
}

export interface ServedEndpoint {
  readonly endpoint: UdpEndpoint;
  readonly zones: readonly FastZone[];
}

/**
 * A query for the main thread. All is the callee's to keep.
 *
 * @param control packet info to give back with the reply; undefined when the socket has one address
 * @returns when it is answered, or will not be; never rejects
 */
export type QueryListener = (
  endpoint: number,
  wire: Uint8Array,
  sockaddr: Uint8Array,
  control: Uint8Array | undefined,
  receivedAtMs: number,
) => Promise<void>;

export interface UdpFront {
  /** For the log: how packets get in and out. */
  readonly description: string;
  readonly ports: UpstreamSockets;
  /** Who asked and got an answer from the fast path; each tells nothing until it is asked to. */
  readonly asks: readonly AskReader[];
  /**
   * Binds a socket that is not read yet.
   *
   * @param kept taken instead, when it is a UDP socket on that port
   * @throws BindError
   */
  open(address: string, port: number, kept?: KeptEndpoint): Promise<UdpEndpoint>;
  /**
   * Reads these endpoints and no others from now on. Resolves when that is so and every query that came by others has been
   * handed over.
   */
  serve(endpoints: readonly ServedEndpoint[]): Promise<void>;
  /** Sends the first `length` bytes of `message`, which are copied. */
  reply(
    endpoint: UdpEndpoint,
    message: Uint8Array,
    length: number,
    sockaddr: Uint8Array,
    control: Uint8Array | undefined,
  ): void;
  /** Of an endpoint that is not served. */
  close(endpoint: UdpEndpoint): void;
  /** Sends what is queued and closes everything. */
  end(): Promise<void>;
}
