/**
 * Messages with descriptors over a packet channel: JSON in the packet, or, where that is too long, in a memfd that is
 * the packet's last descriptor.
 */
import { adoptRegion } from "../../linux/adopt-region.ts";
import { closeFd } from "../../linux/fd.ts";
import { type Packet, PACKET_MAX_BYTES, PacketChannel, type PeerCredentials } from "../../linux/packet-channel.ts";
import { createRegion } from "../../linux/shared-region.ts";
import { KeeperError } from "./keeper-error.ts";

/** Bytes of a memfd that are read as a message, at most. */
const BODY_MAX_BYTES: number = 64 * 1024 * 1024;
/** The whole packet where the message is in a memfd. No JSON begins with it. */
const ELSEWHERE = 0x40;
const TIMEOUT_MS = 5000;

export interface Received {
  readonly value: unknown;
  /** The receiver's to close. */
  readonly fds: readonly number[];
}

export class Channel {
  readonly #packets: PacketChannel;

  /**
   * @param fd end of a pair, or connected; the channel's from now on
   * @param timeoutMs longest wait, default five seconds
   */
  constructor(fd: number, timeoutMs: number = TIMEOUT_MS) {
    this.#packets = new PacketChannel(fd, timeoutMs);
  }

  get fd(): number {
    return this.#packets.fd;
  }

  /**
   * Waits for room, at most the time-out.
   *
   * @param fds stay the caller's
   * @throws KeeperError when the other process is gone or does not read
   */
  send(message: unknown, fds: readonly number[] = []): void {
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    try {
      if (bytes.length <= PACKET_MAX_BYTES) this.#packets.send(bytes, fds);
      else this.#sendElsewhere(bytes, fds);
    } catch (cause) {
      throw new KeeperError("a message to the other process was lost", { cause });
    }
  }

  /**
   * @param wait for a message, at most the time-out
   * @returns undefined when there is none; "closed" when the other end is gone and all was read
   * @throws KeeperError for what is no message; the channel can still be used
   */
  receive(wait: boolean): Received | "closed" | undefined {
    let packet: Packet | "closed" | undefined;
    try {
      packet = this.#packets.receive(wait);
    } catch (cause) {
      throw new KeeperError("a packet that is too long", { cause });
    }
    if (packet === undefined || packet === "closed") return packet;
    const fds = [...packet.fds];
    try {
      const bytes = packet.bytes[0] === ELSEWHERE ? bodyOf(fds.pop()) : packet.bytes;
      return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), fds };
    } catch (cause) {
      for (const fd of fds) closeFd(fd);
      if (cause instanceof KeeperError) throw cause;
      throw new KeeperError("a message that is no JSON", { cause });
    }
  }

  /** Who is at the other end. @returns undefined when the kernel does not say */
  peer(): PeerCredentials | undefined {
    return this.#packets.peer();
  }

  close(): void {
    this.#packets.close();
  }

  #sendElsewhere(bytes: Uint8Array, fds: readonly number[]): void {
    const body = createRegion("nodens-message", bytes.length);
    if (body.handle.kind !== "memfd") throw new Error("no memfd");
    new Uint8Array(body.buffer).set(bytes);
    try {
      this.#packets.send(Uint8Array.of(ELSEWHERE), [...fds, body.handle.fd]);
    } finally {
      body.close();
    }
  }
}

/** Reads a memfd whole, and closes it. */
function bodyOf(fd: number | undefined): Uint8Array {
  if (fd === undefined) throw new KeeperError("a message without its body");
  const body = adoptRegion(fd);
  if (body === undefined) {
    closeFd(fd);
    throw new KeeperError("a message without its body");
  }
  const tooLong = body.bytes > BODY_MAX_BYTES;
  const bytes = tooLong ? new Uint8Array(0) : new Uint8Array(body.buffer).slice();
  body.close();
  if (tooLong) throw new KeeperError("a message that is too long");
  return bytes;
}
