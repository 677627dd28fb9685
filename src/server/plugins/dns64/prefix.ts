/** IPv6 addresses that stand for IPv4 ones (RFC 6052 §2.2). */
import { addressBlock } from "../../../base/address-block.ts";
import { ConfigError } from "../../../base/errors.ts";
import type { Token } from "../../corefile/tree.ts";

export interface Prefix {
  /** Sixteen; those after the prefix are 0. */
  readonly bytes: Uint8Array;
  /** Of the prefix: 4 to 12. */
  readonly length: number;
}

/** Bits 64 to 71 are 0 in every such address, whatever is put around them. */
const RESERVED_AT = 8;

/** `64:ff9b::/96`: 32 to 96 bits, whole bytes. */
export function readPrefix(token: Token): Prefix {
  const { text, position } = token;
  const block = addressBlock(text);
  if (block === undefined) throw new ConfigError(position, `invalid CIDR address: ${text}`);
  const { bytes, bits } = block;
  if (bytes.length !== 16) throw new ConfigError(position, `invalid netmask ${bits} IPv6 address: "${text}"`);
  if (bits % 8 !== 0 || bits < 32 || bits > 96) throw new ConfigError(position, `invalid prefix length "${text}"`);
  return { bytes: bytes.fill(0, bits / 8), length: bits / 8 };
}

/** @param address four bytes @returns sixteen, new */
export function embed(prefix: Prefix, address: Uint8Array): Uint8Array {
  const out = prefix.bytes.slice();
  let at = prefix.length;
  for (const byte of address) {
    if (at === RESERVED_AT) at++;
    out[at++] = byte;
  }
  return out;
}
