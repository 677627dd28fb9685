/**
 * Links and their addresses, through rtnetlink (man 7 rtnetlink, include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h).
 *
 * Every function throws `NetlinkError` when the kernel refuses.
 */
import { addressBytes, formatAddressBytes } from "../base/address.ts";
import { ENODEV } from "./errno.ts";
import {
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  attribute,
  attributeText,
  attributes,
  nested,
  netlinkMessage,
  textAttribute,
} from "./netlink-message.ts";
import { NetlinkError, NetlinkSocket } from "./netlink-socket.ts";

const NETLINK_ROUTE = 0;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
/** `struct ifinfomsg`: family u8, pad u8, type u16, index i32, flags u32, change u32. */
const LINK_HEADER_BYTES = 16;
const IFLA_IFNAME = 3;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFF_NOARP = 0x80;
/** `struct ifaddrmsg`: family u8, prefix length u8, flags u8, scope u8, index u32. */
const ADDRESS_HEADER_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
/** No duplicate address detection: nobody else can have an address of a link without neighbours. */
const IFA_F_NODAD = 0x02;
const AF_INET = 2;
const AF_INET6 = 10;

/** Longest name of a link, bytes (IFNAMSIZ without its zero). */
export const LINK_NAME_MAX_BYTES = 15;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** `dummy`, `bridge`, `veth`…; empty for a device that is not made by a driver of this kind. */
  readonly kind: string;
  /** Index of the bridge or bond that it is a port of; 0: of none. */
  readonly master: number;
}

export interface LinkAddress {
  readonly linkIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}

export class Links {
  readonly #socket: NetlinkSocket;

  constructor() {
    this.#socket = new NetlinkSocket(NETLINK_ROUTE);
  }

  /** @returns undefined when there is no link of that name */
  find(name: string): Link | undefined {
    try {
      const [answer] = this.#request(RTM_GETLINK, 0, linkHeader(0, 0), textAttribute(IFLA_IFNAME, name));
      return answer === undefined ? undefined : linkOf(answer.payload);
    } catch (error) {
      if (error instanceof NetlinkError && error.errno === ENODEV) return undefined;
      throw error;
    }
  }

  list(): Link[] {
    return this.#request(RTM_GETLINK, NLM_F_DUMP, linkHeader(0, 0)).map(({ payload }) => linkOf(payload));
  }

  /** Makes a link, DOWN and without ARP: a link with ARP that is DOWN keeps IPv6 addresses tentative. */
  create(name: string, kind: "dummy" | "bridge"): void {
    this.#request(
      RTM_NEWLINK,
      NLM_F_CREATE | NLM_F_EXCL,
      linkHeader(0, IFF_NOARP),
      textAttribute(IFLA_IFNAME, name),
      nested(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, kind)),
    );
  }

  /** Its addresses go with it. */
  delete(index: number): void {
    this.#request(RTM_DELLINK, 0, linkHeader(index, 0));
  }

  addresses(): LinkAddress[] {
    return this.#request(RTM_GETADDR, NLM_F_DUMP, new Uint8Array(ADDRESS_HEADER_BYTES)).flatMap(({ payload }) => {
      const found = attributes(payload, ADDRESS_HEADER_BYTES);
      const bytes = found.get(IFA_LOCAL) ?? found.get(IFA_ADDRESS);
      if (bytes?.length !== 4 && bytes?.length !== 16) return [];
      const header = new DataView(payload.buffer, payload.byteOffset);
      return [
        {
          linkIndex: header.getUint32(4, true),
          address: formatAddressBytes(bytes, 0, bytes.length),
          prefixLength: header.getUint8(1),
        },
      ];
    });
  }

  /** Adds an address of its own: /32 or /128. Throws EEXIST when the link has it. */
  addAddress(index: number, address: string): void {
    this.#request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ...addressParts(index, address));
  }

  deleteAddress(index: number, address: string): void {
    this.#request(RTM_DELADDR, 0, ...addressParts(index, address));
  }

  close(): void {
    this.#socket.close();
  }

  #request(type: number, flags: number, ...payload: Uint8Array[]): ReturnType<NetlinkSocket["exchange"]> {
    const sequence = this.#socket.nextSequence();
    const asks = flags === NLM_F_DUMP ? flags : flags | NLM_F_ACK;
    return this.#socket.exchange(netlinkMessage(type, NLM_F_REQUEST | asks, sequence, ...payload), sequence);
  }
}

function linkHeader(index: number, flags: number): Uint8Array {
  const header = new Uint8Array(LINK_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, flags, true);
  return header;
}

function linkOf(payload: Uint8Array): Link {
  const found = attributes(payload, LINK_HEADER_BYTES);
  const info = found.get(IFLA_LINKINFO);
  const master = found.get(IFLA_MASTER);
  return {
    index: new DataView(payload.buffer, payload.byteOffset).getInt32(4, true),
    name: attributeText(found.get(IFLA_IFNAME)),
    kind: info === undefined ? "" : attributeText(attributes(info, 0).get(IFLA_INFO_KIND)),
    master: master === undefined ? 0 : new DataView(master.buffer, master.byteOffset).getUint32(0, true),
  };
}

function addressParts(index: number, address: string): Uint8Array[] {
  const bytes = addressBytes(address);
  if (bytes === undefined) throw new Error(`${address} is no IP address`);
  const header = new Uint8Array(ADDRESS_HEADER_BYTES);
  header[0] = bytes.length === 4 ? AF_INET : AF_INET6;
  header[1] = bytes.length * 8;
  if (bytes.length === 16) header[2] = IFA_F_NODAD;
  new DataView(header.buffer).setUint32(4, index, true);
  return [header, attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)];
}
