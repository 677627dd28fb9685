/** Names for reverse look-ups and the addresses that they stand for (RFC 1035 §3.5, RFC 3596 §2.5). */
import { addressBytes } from "../../base/address.ts";
import { nameFromText, nameToText } from "../../dns/name-text.ts";

const IPV4_NAME = /^((?:[0-9]{1,3}\.){4})in-addr\.arpa\.$/;
const IPV6_NAME = /^((?:[0-9a-f]\.){32})ip6\.arpa\.$/;

/** @param at of the uncompressed name @returns four or sixteen bytes; undefined for any other name */
export function reverseAddress(bytes: Uint8Array, at: number): Uint8Array | undefined {
  const text = nameToText(bytes, at).toLowerCase();
  const octets = IPV4_NAME.exec(text)?.[1];
  if (octets !== undefined) return addressBytes(octets.split(".").slice(0, 4).toReversed().join("."));
  const nibbles = IPV6_NAME.exec(text)?.[1]?.replaceAll(".", "");
  if (nibbles === undefined) return undefined;
  return Uint8Array.from(Buffer.from([...nibbles].toReversed().join(""), "hex"));
}

/** @returns wire form, lower case; undefined when the text is no address */
export function reverseName(address: string): Uint8Array | undefined {
  const bytes = addressBytes(address);
  if (bytes === undefined) return undefined;
  if (bytes.length === 4) return nameFromText(`${[...bytes].toReversed().join(".")}.in-addr.arpa.`);
  const nibbles = [...Buffer.from(bytes).toString("hex")].toReversed().join(".");
  return nameFromText(`${nibbles}.ip6.arpa.`);
}
