/**
 * A netlink socket: requests to the kernel, answered before the call returns (man 7 netlink).
 *
 * It belongs to the network namespace of the thread that opened it.
 */
import { EAGAIN, EINTR, errnoName } from "./errno.ts";
import { closeFd } from "./fd.ts";
import { requireLibc } from "./libc.ts";
import { NLMSG_DONE, NLMSG_ERROR, attributeText, attributes, netlinkMessages } from "./netlink-message.ts";
import type { NetlinkMessage } from "./netlink-message.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;
const NETLINK_CAP_ACK = 10;
/** The kernel answers at once; this ends a wait for what never comes. */
const ANSWER_TIMEOUT_S = 2;
/** One receive call: the kernel packs no dump larger than 32 KiB into one (netlink_dump). */
const RECEIVE_BYTES: number = 64 * 1024;
/** Of `struct nlmsgerr` without the request's payload, which NETLINK_CAP_ACK leaves out. */
const ERROR_BYTES = 20;
const NLMSGERR_ATTR_MSG = 1;
const NLM_F_ACK_TLVS = 0x200;
const NLM_F_CAPPED = 0x100;

/** What the kernel refused. The message is the name of the error, and the kernel's own words if it has any. */
export class NetlinkError extends Error {
  readonly errno: number;

  constructor(errno: number, words = "") {
    super(words === "" ? errnoName(errno) : `${errnoName(errno)} (${words})`);
    this.name = "NetlinkError";
    this.errno = errno;
  }
}

export class NetlinkSocket {
  readonly fd: number;
  #sequence = 1;
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);

  /** @param protocol NETLINK_ROUTE 0, NETLINK_NETFILTER 12. @throws NetlinkError */
  constructor(protocol: number) {
    const c = requireLibc();
    this.fd = c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
    if (this.fd < 0) throw new NetlinkError(c.lastErrno());
    const timeout = new BigInt64Array([BigInt(ANSWER_TIMEOUT_S), 0n]);
    c.setsockopt(this.fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeout.buffer), 16);
    const on = Uint8Array.of(1, 0, 0, 0);
    c.setsockopt(this.fd, SOL_NETLINK, NETLINK_EXT_ACK, on, 4);
    c.setsockopt(this.fd, SOL_NETLINK, NETLINK_CAP_ACK, on, 4);
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  /**
   * Sends messages and reads until the one of number `last` is answered: acknowledged, or its dump is complete.
   *
   * @param first number of the first of them; answers to earlier messages are passed over
   * @returns what came before that
   * @throws NetlinkError for the first error among the answers
   */
  exchange(messages: Uint8Array, first: number, last: number = first): NetlinkMessage[] {
    this.#send(messages);
    const answers: NetlinkMessage[] = [];
    let failure: NetlinkError | undefined;
    for (;;) {
      for (const message of this.#receive()) {
        if (message.sequence < first || message.sequence > last) continue;
        if (message.type === NLMSG_ERROR) failure ??= failureOf(message);
        else if (message.type !== NLMSG_DONE) answers.push(message);
        const ends = message.type === NLMSG_ERROR || message.type === NLMSG_DONE;
        // Of a batch that is refused as a whole, only the first message is answered.
        const isLast = message.sequence === last || (message.sequence === first && failure !== undefined);
        if (!ends || !isLast) continue;
        if (failure !== undefined) throw failure;
        return answers;
      }
    }
  }

  close(): void {
    closeFd(this.fd);
  }

  #send(messages: Uint8Array): void {
    const c = requireLibc();
    while (c.write(this.fd, messages, messages.length) < 0) {
      const errno = c.lastErrno();
      if (errno !== EINTR) throw new NetlinkError(errno);
    }
  }

  #receive(): NetlinkMessage[] {
    const c = requireLibc();
    for (;;) {
      const length = c.read(this.fd, this.#buffer, this.#buffer.length);
      if (length >= 0) return netlinkMessages(this.#buffer.slice(0, length));
      const errno = c.lastErrno();
      if (errno !== EINTR) throw new NetlinkError(errno, errno === EAGAIN ? "the kernel does not answer" : "");
    }
  }
}

function failureOf(message: NetlinkMessage): NetlinkError | undefined {
  const { payload } = message;
  if (payload.length < ERROR_BYTES) return undefined;
  const errno = -new DataView(payload.buffer, payload.byteOffset).getInt32(0, true);
  if (errno === 0) return undefined;
  const telling = (message.flags & NLM_F_ACK_TLVS) !== 0 && (message.flags & NLM_F_CAPPED) !== 0;
  const words = telling ? attributeText(attributes(payload, ERROR_BYTES).get(NLMSGERR_ATTR_MSG)) : "";
  return new NetlinkError(errno, words);
}
