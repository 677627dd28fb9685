/** Name servers of the zones: the Services that have this server among their endpoints, else this server itself. */
import { interfaceAddresses } from "../../../linux/network-interface.ts";
import { canonicalAddress } from "../../records/canonical-address.ts";
import type { NameServer } from "../../records/answers.ts";
import type { Cluster } from "../../records/cluster.ts";
import { endpointName } from "../../records/endpoint-name.ts";

/** Labels below a zone of this server itself. */
export const OWN_SERVER: readonly string[] = ["ns", "dns"];

/** @param bound addresses that the server listens on; empty: all */
export function localAddresses(bound: readonly string[]): readonly string[] {
  const all = (bound.length > 0 ? bound : interfaceAddresses()).map((address) => canonicalAddress(address));
  const reachable = all.filter((address) => !address.startsWith("127.") && address !== "::1");
  return [...new Set(reachable.length > 0 ? reachable : all)];
}

/** @param local canonical addresses of this server */
export function nameServers(cluster: Cluster, local: readonly string[]): NameServer[] {
  const servers = new Map<string, { labels: readonly string[]; addresses: string[] }>();
  const add = (labels: readonly string[], address: string): void => {
    const key = labels.join(".");
    const server = servers.get(key) ?? { labels, addresses: [] };
    if (!server.addresses.includes(address)) server.addresses.push(address);
    servers.set(key, server);
  };
  const { services, slices } = cluster.tables;
  for (const slice of local.flatMap((address) => slices?.ofAddress(address) ?? [])) {
    const service = services.find(slice.namespace, slice.service);
    if (service === undefined || !cluster.isExposed(slice.namespace)) continue;
    const owner = [service.name, service.namespace, "svc"];
    for (const address of service.clusterIPs) add(owner, canonicalAddress(address));
    if (!service.headless) continue;
    for (const endpoint of slice.endpoints.filter(({ ready }) => ready)) {
      for (const address of endpoint.addresses) {
        add([endpointName(endpoint, address, cluster.options.usesPodNames), ...owner], canonicalAddress(address));
      }
    }
  }
  if (servers.size > 0) return [...servers.values()];
  return local.length === 0 ? [] : [{ labels: OWN_SERVER, addresses: local }];
}
