/**
 * Netlink messages as bytes (man 7 netlink, include/uapi/linux/netlink.h): a header, a family's own header, attributes.
 *
 * Everything is in host order (little-endian) but what says otherwise, and padded to 4 bytes. Nothing here calls the kernel.
 */

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const HEADER_BYTES = 16;
const ATTRIBUTE_BYTES = 4;
const NLA_F_NESTED = 0x8000;
/** Without the two highest bits, which are flags. */
const NLA_TYPE_MASK = 0x3fff;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Behind the header. */
  readonly payload: Uint8Array;
}

/** @param payload the family's header and attributes, each padded (as `attribute` gives them) */
export function netlinkMessage(type: number, flags: number, sequence: number, ...payload: Uint8Array[]): Uint8Array {
  const body = concat(payload);
  const out = new Uint8Array(align(HEADER_BYTES + body.length));
  const view = new DataView(out.buffer);
  view.setUint32(0, HEADER_BYTES + body.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  out.set(body, HEADER_BYTES);
  return out;
}

/** `struct nlattr` and its value. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const out = new Uint8Array(align(ATTRIBUTE_BYTES + value.length));
  const view = new DataView(out.buffer);
  view.setUint16(0, ATTRIBUTE_BYTES + value.length, true);
  view.setUint16(2, type, true);
  out.set(value, ATTRIBUTE_BYTES);
  return out;
}

/** An attribute that holds attributes. */
export function nested(type: number, ...attributes: Uint8Array[]): Uint8Array {
  return attribute(type | NLA_F_NESTED, concat(attributes));
}

/** Text with a zero behind it. */
export function textAttribute(type: number, text: string): Uint8Array {
  return attribute(type, new TextEncoder().encode(`${text}\0`));
}

/** All messages of what one receive call gave. A message that is cut short ends the list. */
export function netlinkMessages(bytes: Uint8Array): NetlinkMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > bytes.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: bytes.subarray(at + HEADER_BYTES, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** Attributes by type, the last one of each. @param offset length of the family's header, in bytes */
export function attributes(payload: Uint8Array, offset: number): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  for (let at = offset; at + ATTRIBUTE_BYTES <= payload.length;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_BYTES || at + length > payload.length) break;
    found.set(view.getUint16(at + 2, true) & NLA_TYPE_MASK, payload.subarray(at + ATTRIBUTE_BYTES, at + length));
    at += align(length);
  }
  return found;
}

/** Text of an attribute, without its zero; empty when there is none. */
export function attributeText(value: Uint8Array | undefined): string {
  const text = new TextDecoder().decode(value ?? new Uint8Array(0));
  return text.endsWith("\0") ? text.slice(0, -1) : text;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function align(length: number): number {
  return (length + 3) & ~3;
}
