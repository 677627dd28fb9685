/** Whether this process may change packet rules. */
import { EPERM } from "./errno.ts";
import { libc } from "./libc.ts";
import { NLM_F_ACK, NLM_F_REQUEST, netlinkMessage } from "./netlink-message.ts";
import { NetlinkError, NetlinkSocket } from "./netlink-socket.ts";

const NETLINK_NETFILTER = 12;
/** Number of the ruleset: the smallest question that there is (include/uapi/linux/netfilter/nf_tables.h). */
const NFT_MSG_GETGEN = (10 << 8) | 16;

/**
 * Asks the kernel: the capability NET_ADMIN may be there and not count, in a user namespace for instance.
 *
 * @returns undefined when it cannot be asked (no FFI, no nf_tables)
 */
export function mayChangeRules(): boolean | undefined {
  if (libc() === undefined) return undefined;
  let socket: NetlinkSocket | undefined;
  try {
    socket = new NetlinkSocket(NETLINK_NETFILTER);
    const sequence = socket.nextSequence();
    socket.exchange(netlinkMessage(NFT_MSG_GETGEN, NLM_F_REQUEST | NLM_F_ACK, sequence, new Uint8Array(4)), sequence);
    return true;
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    return error.errno === EPERM ? false : undefined;
  } finally {
    socket?.close();
  }
}
