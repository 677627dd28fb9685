/** Blocks of addresses in CIDR form (RFC 4632 §3.1, RFC 4291 §2.3). */
import { addressBytes } from "./address.ts";

export interface AddressBlock {
  /** Four or sixteen. Those after `bits` are as they were written. */
  readonly bytes: Uint8Array;
  /** That all addresses of the block begin with: 0 to 32 or 128. */
  readonly bits: number;
}

/** Reads `10.0.0.0/8`, `64:ff9b::/96`. @returns undefined when the text is no block; an address alone is none */
export function addressBlock(text: string): AddressBlock | undefined {
  const [, address = "", digits = ""] = /^([0-9a-fA-F.:]+)\/([0-9]{1,3})$/.exec(text) ?? [];
  const bytes = addressBytes(address);
  const bits = Number(digits);
  return bytes === undefined || bits > bytes.length * 8 ? undefined : { bytes, bits };
}
