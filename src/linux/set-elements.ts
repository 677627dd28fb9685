/**
 * Elements of an nftables set that end by themselves, refreshed through nfnetlink without nft.
 *
 * nft needs 0.3 ms for it as a library and 20 ms as a program; this takes 0.07. Formats:
 * include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h. A batch is one transaction.
 */
import { addressBytes } from "../base/address.ts";
import {
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  attribute,
  concat,
  nested,
  netlinkMessage,
  textAttribute,
} from "./netlink-message.ts";
import { NetlinkSocket } from "./netlink-socket.ts";

const NETLINK_NETFILTER = 12;
const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_NEWSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 12;
const NFT_MSG_DELSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 14;
const NFPROTO_IPV4 = 2;
const NFPROTO_IPV6 = 10;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_TIMEOUT = 4;
const NFTA_DATA_VALUE = 1;

export class SetElements {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

  /**
   * Lets addresses be in a set for another `timeoutMs`.
   *
   * Added, taken out, and added again, in one transaction: kernels before 6.12 do not change the time of an element that is
   * there, and taking out one that is not there fails.
   *
   * @param addresses of one family, at least one
   * @throws NetlinkError ENOENT: no such table or set
   */
  refresh(table: string, set: string, addresses: readonly string[], timeoutMs: number): void {
    const keys = addresses.map((address) => addressBytes(address) ?? new Uint8Array(0));
    const family = keys[0]?.length === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
    const timeout = new Uint8Array(8);
    new DataView(timeout.buffer).setBigUint64(0, BigInt(timeoutMs));
    const list = (timed: boolean): Uint8Array[] => [
      familyHeader(family, 0),
      textAttribute(NFTA_SET_ELEM_LIST_TABLE, table),
      textAttribute(NFTA_SET_ELEM_LIST_SET, set),
      nested(
        NFTA_SET_ELEM_LIST_ELEMENTS,
        ...keys.map((key) =>
          nested(
            NFTA_LIST_ELEM,
            nested(NFTA_SET_ELEM_KEY, attribute(NFTA_DATA_VALUE, key)),
            ...(timed ? [attribute(NFTA_SET_ELEM_TIMEOUT, timeout)] : []),
          ),
        ),
      ),
    ];
    const next = (): number => this.#socket.nextSequence();
    const first = next();
    const last = first + 3;
    const added = netlinkMessage(NFT_MSG_NEWSETELEM, NLM_F_REQUEST | NLM_F_CREATE, next(), ...list(true));
    const takenOut = netlinkMessage(NFT_MSG_DELSETELEM, NLM_F_REQUEST, next(), ...list(false));
    const again = netlinkMessage(NFT_MSG_NEWSETELEM, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK, next(), ...list(true));
    const begin = netlinkMessage(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, first, familyHeader(0, NFNL_SUBSYS_NFTABLES));
    const end = netlinkMessage(NFNL_MSG_BATCH_END, NLM_F_REQUEST, next(), familyHeader(0, NFNL_SUBSYS_NFTABLES));
    this.#socket.exchange(concat([begin, added, takenOut, again, end]), first, last);
  }

  close(): void {
    this.#socket.close();
  }
}

/** `struct nfgenmsg`: family u8, version u8, resource u16 in network order. */
function familyHeader(family: number, resource: number): Uint8Array {
  return Uint8Array.of(family, 0, resource >> 8, resource & 0xff);
}
