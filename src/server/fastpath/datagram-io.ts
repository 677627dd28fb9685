/**
 * The seam between the fast path and a listening UDP socket.
 *
 * Two implementations under one contract test (`test/contract/datagram-io.ts`): `mmsg-io.ts` by FFI, `dgram-io.ts` on
 * `node:dgram` for machines without.
 */
export interface DatagramIo {
  /** Memory of the datagrams of the last `receive`; valid until the next. */
  readonly bytes: Uint8Array;
  /** The same memory as 32-bit words. */
  readonly words: Int32Array;
  /** Takes what waits, up to one batch. @returns datagrams; 0 when none waits; -errno. Never blocks, never throws. */
  receive(): number;
  /** Offset of datagram `i`; a multiple of 4; at least 4096 bytes of room. */
  slotAt(i: number): number;
  /** Its length in bytes; -1 when it was too long to be received whole. */
  lengthOf(i: number): number;
  /** Offset in `bytes` of the sender's `sockaddr` (see `base/address.ts`). */
  sockaddrAt(i: number): number;
  /** Offset in `bytes` of packet info that a reply must carry back, and its length (0: none). */
  controlAt(i: number): number;
  controlLength(i: number): number;
  /** Queues the first `length` bytes of slot `i` as the reply to datagram `i`. */
  reply(i: number, length: number): void;
  /** Sends what is queued. @returns datagrams taken by the kernel */
  flush(): number;
}
