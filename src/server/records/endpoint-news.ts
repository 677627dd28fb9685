/**
 * What endpoints mean to others than who asks for names: where the cluster's DNS is now, and which addresses lead nowhere.
 *
 * Changes are gathered for a turn of the event loop, as those of names are.
 */
import { formatSocketAddress } from "../../base/address.ts";
import type { EndpointSlice } from "../../kube/objects.ts";
import { canonicalAddress } from "./canonical-address.ts";
import type { ServiceTable } from "./service-table.ts";
import type { SliceTable } from "./slice-table.ts";

const DNS_PORT = 53;

export interface EndpointNewsOptions {
  /** The Service of the cluster's DNS. */
  readonly clusterDns: { readonly namespace: string; readonly name: string };
  /** Told its ready endpoints, `10.244.1.2:53`, sorted, when they are others than before and there is one. */
  readonly onClusterDns: (endpoints: readonly string[]) => void;
  /**
   * An endpoint is gone or not ready any more: its address, and that of each Service that led to it, for who is connected
   * to it by that.
   */
  readonly onGone: (address: string) => void;
}

export class EndpointNews {
  readonly #services: ServiceTable;
  readonly #slices: SliceTable;
  readonly #options: EndpointNewsOptions;
  readonly #end: () => void;
  readonly #gone: Set<string>;
  #told: string;
  #scheduled: NodeJS.Immediate | undefined;

  constructor(services: ServiceTable, slices: SliceTable, options: EndpointNewsOptions) {
    this.#services = services;
    this.#slices = slices;
    this.#options = options;
    this.#gone = new Set();
    this.#told = "";
    this.#scheduled = undefined;
    this.#end = slices.listen((after, before) => this.#changed(after, before));
    this.#schedule();
  }

  stop(): void {
    this.#end();
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
  }

  #changed(after: EndpointSlice | undefined, before: EndpointSlice | undefined): void {
    const { namespace, name } = this.#options.clusterDns;
    for (const slice of [before, after]) {
      if (slice?.namespace === namespace && slice.service === name) this.#schedule();
    }
    if (before === undefined || before.cluster !== "" || before.service === "") return;
    const left = after === undefined ? new Set<string>() : readyAddresses(after);
    for (const address of readyAddresses(before)) {
      if (left.has(address)) continue;
      this.#gone.add(address);
      const service = this.#services.find(before.namespace, before.service);
      for (const clusterIp of service?.clusterIPs ?? []) this.#gone.add(canonicalAddress(clusterIp));
      this.#schedule();
    }
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      for (const address of this.#gone) this.#options.onGone(address);
      this.#gone.clear();
      const endpoints = this.#endpoints();
      const text = endpoints.join(" ");
      if (endpoints.length === 0 || text === this.#told) return;
      this.#told = text;
      this.#options.onClusterDns(endpoints);
    });
  }

  #endpoints(): string[] {
    const { namespace, name } = this.#options.clusterDns;
    const endpoints = new Set<string>();
    for (const slice of this.#slices.of(namespace, name)) {
      const udp = slice.ports.filter(({ protocol }) => protocol.toLowerCase() === "udp");
      // Its Service has port 53; the pods behind may listen elsewhere.
      const port = (udp.find((one) => one.name === "dns") ?? udp[0])?.port ?? DNS_PORT;
      for (const address of readyAddresses(slice)) endpoints.add(formatSocketAddress(address, port));
    }
    return [...endpoints].toSorted();
  }
}

function readyAddresses({ endpoints }: EndpointSlice): Set<string> {
  const addresses = new Set<string>();
  for (const endpoint of endpoints) {
    if (endpoint.ready) for (const address of endpoint.addresses) addresses.add(canonicalAddress(address));
  }
  return addresses;
}
