/** `bind`: addresses to listen on, by themselves or by the interface that has them. */
import { networkInterfaces } from "node:os";
import { addressBytes, formatAddressBytes, isIpAddress } from "../../../base/address.ts";
import { ConfigError } from "../../../base/errors.ts";
import type { Directive, Plugin, PluginInstance, SetupContext, Token } from "../../chain/plugin.ts";
import { expectArgs, properties, unknownProperty } from "../../corefile/arguments.ts";

/** Addresses of an interface, link-local ones with their zone; undefined when there is no such interface or it is down. */
export type AddressesOf = (name: string) => readonly string[] | undefined;

export const bind: Plugin = {
  directive: "bind",
  repeatable: true,
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const addresses = directives.flatMap((directive) => bindAddresses(directive, interfaceAddresses));
    context.bindAddresses = [...new Set(addresses)];
    return {};
  },
};

/**
 * Addresses of one `bind` line.
 *
 * @throws ConfigError for a word that is neither address nor interface, and when `except` leaves nothing: no address
 *   would mean all of them
 */
export function bindAddresses(directive: Directive, addressesOf: AddressesOf): string[] {
  const wanted = expectArgs(directive, 1, Number.POSITIVE_INFINITY).flatMap((token) => resolve(token, addressesOf));
  const except = new Set<string>();
  for (const property of properties(directive)) {
    if (property.name.text !== "except") unknownProperty(property);
    for (const token of expectArgs(property, 1, Number.POSITIVE_INFINITY)) {
      for (const address of resolve(token, addressesOf)) except.add(address);
    }
  }
  const left = wanted.filter((address) => !except.has(address));
  if (left.length === 0) throw new ConfigError(directive.name.position, "no address is left to bind to");
  return left;
}

function resolve(token: Token, addressesOf: AddressesOf): readonly string[] {
  const addresses = addressesOf(token.text);
  if (addresses !== undefined) return addresses.map(normalForm);
  if (isIpAddress(token.text)) return [normalForm(token.text)];
  throw new ConfigError(token.position, `not a valid IP address or interface name: "${token.text}"`);
}

/** One spelling for each address, so that two can be compared. */
function normalForm(address: string): string {
  const bytes = addressBytes(address);
  if (bytes === undefined) return address;
  const [, zone] = address.split("%", 2);
  const text = formatAddressBytes(bytes, 0, bytes.length === 4 ? 4 : 16);
  return zone === undefined ? text : `${text}%${zone}`;
}

function interfaceAddresses(name: string): readonly string[] | undefined {
  return networkInterfaces()[name]?.map(({ address, family, scopeid }) => {
    const linkLocal = family === "IPv6" && scopeid !== 0 && !address.includes("%");
    return linkLocal ? `${address}%${name}` : address;
  });
}
