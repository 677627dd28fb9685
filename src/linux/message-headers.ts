/**
 * `struct mmsghdr` arrays (man 2 recvmmsg, sendmmsg), drawn once.
 *
 *   0          8            16       24          32           40              48       56       60   64
 *   | msg_name | namelen u32| iov ptr| iovlen u64| control ptr| controllen u64| flags  | msg_len| pad |
 *
 * `struct iovec` is a pointer and a u64 length. Control messages: `struct cmsghdr` is { len u64, level i32, type i32 }.
 * Fields are named by their word (4 bytes) within the 16 words of a header.
 */

export const HEADER_WORDS = 16;
export const NAME_WORD = 0;
export const NAMELEN_WORD = 2;
export const IOV_WORD = 4;
export const IOVLEN_WORD = 6;
export const CONTROL_WORD = 8;
export const CONTROLLEN_WORD = 10;
export const FLAGS_WORD = 12;
export const LENGTH_WORD = 14;

export const IOVEC_WORDS = 4;
export const IOVEC_LENGTH_WORD = 2;

/** Room for one address and its padding. */
export const NAME_BYTES = 32;
/** Room for one IPV6_PKTINFO (40) or IP_PKTINFO (32) control message. */
export const CONTROL_BYTES = 64;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITFORONE = 0x10000;

const CMSG_LEVEL_WORD = 2;
const CMSG_DATA_WORD = 4;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/** Bytes of a control message that carries the segment size (CMSG_SPACE(2)). */
export const SEGMENT_CONTROL_BYTES = 24;

/** Writes the UDP_SEGMENT control message (Linux Documentation/networking/segmentation-offloads.rst). */
export function writeSegmentControl(words: Int32Array, at: number, segmentBytes: number): void {
  words[at] = 18;
  words[at + 1] = 0;
  words[at + CMSG_LEVEL_WORD] = SOL_UDP;
  words[at + 3] = UDP_SEGMENT;
  words[at + CMSG_DATA_WORD] = segmentBytes;
  words[at + 5] = 0;
}

/**
 * Makes a received packet-info message one to send with: from the same local address, by whatever interface routing
 * says (a link-local IPv6 address keeps its interface).
 */
export function turnPacketInfo(words: Int32Array, at: number): void {
  if (words[at + CMSG_LEVEL_WORD] === IPPROTO_IP) {
    words[at + CMSG_DATA_WORD] = 0;
  } else if (words[at + CMSG_LEVEL_WORD] === IPPROTO_IPV6) {
    const linkLocal = ((words[at + CMSG_DATA_WORD] ?? 0) & 0xc0ff) === 0x80fe;
    if (!linkLocal) words[at + CMSG_DATA_WORD + 4] = 0;
  }
}
