/**
 * What a server needs to know of a query, read in one pass over the packet.
 *
 * Strict where leniency has been exploited (RFC 9267, RFC 9619), lenient where clients differ: unknown types, unknown
 * EDNS options, reserved flag bits and bytes after the last record are no reason to refuse. Nothing here allocates or
 * throws.
 */
import { OPT_BYTES, OPT_RDLENGTH_AT, OPT_SIZE_AT, OPT_FLAGS_AT, OPT_VERSION_AT } from "./edns.ts";
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_QR,
  FLAG_TC,
  FLAGS_AT,
  HEADER_BYTES,
  NSCOUNT_AT,
  OPCODE_MASK,
  QDCOUNT_AT,
  readU16,
} from "./header.ts";
import { nameLength, skipName } from "./name.ts";
import {
  CLASS_CH,
  CLASS_IN,
  RCODE_BADVERS,
  RCODE_FORMERR,
  RCODE_NOTIMP,
  RCODE_REFUSED,
  TYPE_ANY,
  TYPE_AXFR,
  TYPE_IXFR,
  TYPE_NXNAME,
  TYPE_OPT,
} from "./types.ts";

/** The query may go on. */
export const VERDICT_ACCEPT = 0;
/** The packet gets no reply at all: answering would make loops or noise. */
export const VERDICT_DROP = -1;

/** A UDP payload size below this means this (RFC 6891 §6.2.3); also what a client without OPT can take. */
export const UDP_SIZE_MIN = 512;

/** Filled by `admitQuery`; one may be used for packet after packet. */
export class QueryView {
  id = 0;
  /** The header's flags word. */
  flags = 0;
  /** Bytes of the question's name, root included; 0 when the question is unreadable. The name begins at 12. */
  nameLength = 0;
  qtype = 0;
  qclass = 0;
  /** Offset after the question, relative to the message's start; 0 when the question is unreadable. */
  questionEnd = 0;
  hasOpt = false;
  /** Largest UDP reply in bytes the client says it takes, at least 512. */
  udpSize: number = UDP_SIZE_MIN;
  dnssecOk = false;
  ednsVersion = 0;
  /** Offset of the first EDNS option, relative to the message's start; the options are whole when accepted. */
  optionsAt = 0;
  optionsLength = 0;

  clone(): QueryView {
    const copy = new QueryView();
    copy.id = this.id;
    copy.flags = this.flags;
    copy.nameLength = this.nameLength;
    copy.qtype = this.qtype;
    copy.qclass = this.qclass;
    copy.questionEnd = this.questionEnd;
    copy.hasOpt = this.hasOpt;
    copy.udpSize = this.udpSize;
    copy.dnssecOk = this.dnssecOk;
    copy.ednsVersion = this.ednsVersion;
    copy.optionsAt = this.optionsAt;
    copy.optionsLength = this.optionsLength;
    return copy;
  }
}

/**
 * Reads and judges a packet that claims to be a query.
 *
 * Format errors come before an unknown EDNS version (RFC 6891 §6.1.3), and that before what is asked. `view` holds
 * what could be read also when the verdict is a refusal, so that `writeRefusal` can echo it; after `VERDICT_DROP` it is
 * as it was.
 *
 * @param start index of the header in `bytes`
 * @param length of the packet in bytes; what lies after it is not read
 * @returns `VERDICT_ACCEPT`, `VERDICT_DROP`, or the response code to refuse with: 1 FORMERR, 4 NOTIMP, 5 REFUSED,
 *   16 BADVERS
 */
export function admitQuery(bytes: Uint8Array, start: number, length: number, view: QueryView): number {
  if (length < HEADER_BYTES) return VERDICT_DROP;
  const flags = readU16(bytes, start + FLAGS_AT);
  // A reply to a reply is how two servers begin to talk for ever.
  if ((flags & FLAG_QR) !== 0) return VERDICT_DROP;
  view.id = readU16(bytes, start);
  view.flags = flags;
  view.nameLength = 0;
  view.qtype = 0;
  view.qclass = 0;
  view.questionEnd = 0;
  view.hasOpt = false;
  view.udpSize = UDP_SIZE_MIN;
  view.dnssecOk = false;
  view.ednsVersion = 0;
  view.optionsAt = 0;
  view.optionsLength = 0;
  // The sections of another opcode may mean anything, so they are not read (RFC 8906 §8.1.4 sends just a header).
  if ((flags & OPCODE_MASK) !== 0) return RCODE_NOTIMP;
  if (readU16(bytes, start + QDCOUNT_AT) !== 1) return RCODE_FORMERR;

  const end = start + length;
  const nameBytes = nameLength(bytes, start + HEADER_BYTES, end);
  if (nameBytes < 0) return RCODE_FORMERR;
  const typeAt = start + HEADER_BYTES + nameBytes;
  if (typeAt + 4 > end) return RCODE_FORMERR;
  const qtype = readU16(bytes, typeAt);
  const qclass = readU16(bytes, typeAt + 2);
  view.nameLength = nameBytes;
  view.qtype = qtype;
  view.qclass = qclass;
  view.questionEnd = HEADER_BYTES + nameBytes + 4;

  const earlier = readU16(bytes, start + ANCOUNT_AT) | readU16(bytes, start + NSCOUNT_AT);
  if (earlier !== 0) {
    // An IXFR query carries the client's SOA in its authority section (RFC 1995 §3): it is well formed.
    return qtype === TYPE_IXFR ? RCODE_REFUSED : RCODE_FORMERR;
  }
  const additional = readU16(bytes, start + ARCOUNT_AT);
  let verdict = VERDICT_ACCEPT;
  if (additional !== 0) {
    verdict = readOpt(bytes, start, typeAt + 4, end, view);
    // One OPT is all that a plain query may add (RFC 6891 §6.1.1); a TSIG or SIG(0) that nobody here can check must
    // not be passed over as if it were not there.
    if (additional !== 1) return RCODE_FORMERR;
  }
  if ((flags & FLAG_TC) !== 0) return RCODE_FORMERR;
  if (verdict !== VERDICT_ACCEPT) return verdict;
  return askedVerdict(qtype, qclass);
}

/** Judges type and class: what a forwarding cache serves. */
function askedVerdict(qtype: number, qclass: number): number {
  if (qtype === TYPE_OPT) return RCODE_FORMERR;
  if (qtype >= TYPE_NXNAME && qtype < TYPE_ANY) {
    return qtype === TYPE_AXFR || qtype === TYPE_IXFR ? RCODE_REFUSED : RCODE_FORMERR;
  }
  return qclass === CLASS_IN || qclass === CLASS_CH ? VERDICT_ACCEPT : RCODE_REFUSED;
}

/** Reads the first additional record, which must be an OPT. @returns `VERDICT_ACCEPT`, FORMERR or BADVERS */
function readOpt(bytes: Uint8Array, start: number, at: number, end: number, view: QueryView): number {
  let optAt = at;
  let rootOwner = true;
  if (at < end && bytes[at] !== 0) {
    const ownerEnd = skipName(bytes, at, end);
    if (ownerEnd < 0) return RCODE_FORMERR;
    rootOwner = false;
    optAt = ownerEnd - 1;
  }
  if (optAt + OPT_BYTES > end || readU16(bytes, optAt + 1) !== TYPE_OPT) return RCODE_FORMERR;
  view.hasOpt = true;
  const size = readU16(bytes, optAt + OPT_SIZE_AT);
  if (size > UDP_SIZE_MIN) view.udpSize = size;
  view.ednsVersion = bytes[optAt + OPT_VERSION_AT] ?? 0;
  view.dnssecOk = ((bytes[optAt + OPT_FLAGS_AT] ?? 0) & 0x80) !== 0;
  if (!rootOwner) return RCODE_FORMERR;
  const optionsAt = optAt + OPT_BYTES;
  const optionsLength = readU16(bytes, optAt + OPT_RDLENGTH_AT);
  if (optionsAt + optionsLength > end) return RCODE_FORMERR;
  view.optionsAt = optionsAt - start;
  view.optionsLength = optionsLength;
  // What the data of a later version means is not known here, so it is not judged.
  if (view.ednsVersion !== 0) return RCODE_BADVERS;
  if (optionsLength === 0) return VERDICT_ACCEPT;
  const optionsEnd = optionsAt + optionsLength;
  let option = optionsAt;
  while (option + 4 <= optionsEnd) option += 4 + readU16(bytes, option + 2);
  return option === optionsEnd ? VERDICT_ACCEPT : RCODE_FORMERR;
}
