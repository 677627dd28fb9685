/** What is wanted of the node, from a specification: checked, in one spelling, by family. */
import { addressBytes, formatAddressBytes } from "../../base/address.ts";
import { LINK_NAME_MAX_BYTES } from "../../linux/links.ts";
import { PlumbingError } from "./plumbing-error.ts";
import type { Intercept, PlumbingSpec } from "./plumbing.ts";

export type Family = "ip" | "ip6";
export const FAMILIES: readonly Family[] = ["ip", "ip6"];

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** An address of a Service, and the private one of ours that queries for it are sent to instead. */
export interface Rewrite {
  readonly service: string;
  readonly own: string;
}

/** Addresses are all of one family. */
export interface FamilyWanted {
  readonly family: Family;
  /** Queries to these come here while somebody listens on them. */
  readonly addresses: readonly string[];
  readonly rewrites: readonly Rewrite[];
  /** Those of `addresses` that nobody else answers for. */
  readonly withoutService: readonly string[];
  /** Where queries to `withoutService` go while nobody is here. */
  readonly fallback: readonly Target[];
}

/** As `rewrite` needs them: link-local, and a unique local prefix that spells nodens (RFC 4193). */
const OWN_IPV4 = "169.254.20.";
const OWN_IPV4_FIRST = 11;
const OWN_IPV6 = "fd6e:6f64:656e:73::";
/** Of cluster DNS endpoints that name none. */
const DNS_PORT = 53;

/** Of kube-proxy in IPVS mode. */
const KUBE_PROXY_LINK = "kube-ipvs0";

/** @throws PlumbingError */
export function checkSpec(spec: PlumbingSpec): void {
  const { interfaceName: name, intercept } = spec;
  if (!/^[^\s/]+$/.test(name) || Buffer.byteLength(name) > LINK_NAME_MAX_BYTES || name === "." || name === "..") {
    throw new PlumbingError(`"${name}" cannot be the name of an interface`, {
      hint: `It has 1 to ${LINK_NAME_MAX_BYTES} bytes, no space, no slash`,
    });
  }
  // A device of that name is deleted at the end, and with it all Services of the node.
  if (name === KUBE_PROXY_LINK) throw new PlumbingError(`"${name}" is kube-proxy's interface`);
  for (const port of [spec.port, spec.healthPort]) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new PlumbingError(`${port} is no port`);
  }
  for (const address of [...spec.localAddresses, ...spec.serviceAddresses]) canonical(address);
  targets(spec.fallback);
  if (intercept === "rewrite" && spec.serviceAddresses.length === 0) {
    throw new PlumbingError("rewriting needs the address of the cluster DNS Service", {
      hint: "Give it with --service-ip",
    });
  }
}

/** In RFC 5952's spelling; an IPv4-mapped one as IPv4, as node-cache takes it. @throws PlumbingError */
export function canonical(address: string): string {
  const bytes = addressBytes(address);
  if (bytes === undefined || address.includes("%")) throw new PlumbingError(`"${address}" is no IP address`);
  return formatAddressBytes(bytes, 0, bytes.length === 4 ? 4 : 16).replace(/^::ffff:(?=.*\.)/, "");
}

export function familyOf(address: string): Family {
  return address.includes(":") ? "ip6" : "ip";
}

/** Reads `10.0.0.1`, `10.0.0.1:5353`, `fd00::1`, `[fd00::1]:5353`. @throws PlumbingError */
export function targets(texts: readonly string[]): Target[] {
  return texts.map((text) => {
    const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+|[^[\]]*:[^[\]]*:[^[\]]*))(?::(\d+))?$/.exec(text) ?? [];
    const number = port === undefined ? DNS_PORT : Number(port);
    const address = bracketed ?? plain;
    if (address === undefined || number < 1 || number > 65_535) {
      throw new PlumbingError(`"${text}" is neither an address nor address:port`);
    }
    return { address: canonical(address), port: number };
  });
}

/** Addresses of the Service that are not among the local ones. */
export function servicesOf({ localAddresses, serviceAddresses }: PlumbingSpec): string[] {
  const local = unique(localAddresses);
  return unique(serviceAddresses).filter((address) => !local.includes(address));
}

/**
 * @param fallback as in the specification, or what was set since
 * @returns the families that have an address, v4 first
 */
export function wantedOf(
  spec: PlumbingSpec,
  intercept: Exclude<Intercept, "auto" | "none">,
  fallback: readonly string[],
): FamilyWanted[] {
  const local = unique(spec.localAddresses);
  const services = servicesOf(spec);
  const rewrites = intercept === "rewrite" ? rewritesOf(services, local) : [];
  const addresses = intercept === "rewrite" ? local : [...local, ...services];
  // In one order, each once: endpoints are told in any.
  const allTargets = targets([...new Set(fallback)].toSorted());
  return FAMILIES.map((family) => {
    const own = addresses.filter((address) => familyOf(address) === family);
    const localOwn = local.filter((address) => familyOf(address) === family);
    return {
      family,
      addresses: own,
      rewrites: rewrites.filter(({ service }) => familyOf(service) === family),
      withoutService: localOwn.filter((address, index) => isWithoutService(address, index)),
      fallback: allTargets.filter(({ address }) => familyOf(address) === family),
    };
  }).filter((wanted) => wanted.addresses.length > 0 || wanted.rewrites.length > 0);
}

/**
 * Whether no Service has this address: a link-local one, or, in IPv6, where people take any, the first of the list
 * (`-localip LOCAL,SERVICE`).
 */
function isWithoutService(address: string, index: number): boolean {
  if (familyOf(address) === "ip") return address.startsWith("169.254.");
  return index === 0 || /^fe[89ab]/.test(address);
}

function rewritesOf(services: readonly string[], taken: readonly string[]): Rewrite[] {
  const used = new Set(taken);
  return services.map((service) => {
    for (let n = OWN_IPV4_FIRST; ; n++) {
      const own = familyOf(service) === "ip" ? `${OWN_IPV4}${n}` : `${OWN_IPV6}${n.toString(16)}`;
      if (used.has(own)) continue;
      used.add(own);
      return { service, own };
    }
  });
}

function unique(addresses: readonly string[]): string[] {
  return [...new Set(addresses.map(canonical))];
}
