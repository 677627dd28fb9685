import { isIPv4, isIPv6 } from "node:net";

/** As EndpointSlices and Services name them. */
export type Family = "IPv4" | "IPv6";

export function ipFamily(value: unknown): Family | undefined {
  if (typeof value !== "string") return undefined;
  return isIPv4(value) ? "IPv4" : isIPv6(value) ? "IPv6" : undefined;
}
