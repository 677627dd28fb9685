/** EndpointSlices, by their Service and by the addresses of their endpoints. Those of other clusters stand apart. */
import type { EndpointSlice } from "../../kube/objects.ts";
import { canonicalAddress } from "./canonical-address.ts";
import { keyOf, MultiMap, Table } from "./table.ts";

export class SliceTable extends Table<EndpointSlice> {
  readonly #ofService = new MultiMap<EndpointSlice>();
  readonly #imported = new MultiMap<EndpointSlice>();
  readonly #byAddress = new MultiMap<EndpointSlice>();

  of(namespace: string, service: string): readonly EndpointSlice[] {
    return this.#ofService.get(keyOf(namespace, service));
  }

  /** Slices of a Service that several clusters share. */
  imported(namespace: string, service: string): readonly EndpointSlice[] {
    return this.#imported.get(keyOf(namespace, service));
  }

  /** Slices of this cluster with an endpoint, ready or not, at an address. @param address canonical */
  ofAddress(address: string): readonly EndpointSlice[] {
    return this.#byAddress.get(address);
  }

  protected override replace(after: EndpointSlice | undefined, before: EndpointSlice | undefined): void {
    if (before !== undefined) {
      if (isIndexed(before)) this.#indexOf(before).delete(keyOf(before.namespace, before.service), before);
      if (hasAddresses(before)) this.#eachAddress(before, (address) => this.#byAddress.delete(address, before));
    }
    if (after === undefined) return;
    if (isIndexed(after)) this.#indexOf(after).add(keyOf(after.namespace, after.service), after);
    if (hasAddresses(after)) this.#eachAddress(after, (address) => this.#byAddress.add(address, after));
  }

  #indexOf(slice: EndpointSlice): MultiMap<EndpointSlice> {
    return slice.cluster === "" ? this.#ofService : this.#imported;
  }

  #eachAddress(slice: EndpointSlice, visit: (address: string) => void): void {
    for (const { addresses } of slice.endpoints) for (const address of addresses) visit(canonicalAddress(address));
  }
}

/** Endpoints that are names have no records. */
function isIndexed({ service, addressType }: EndpointSlice): boolean {
  return service !== "" && addressType !== "FQDN";
}

function hasAddresses(slice: EndpointSlice): boolean {
  return slice.cluster === "" && isIndexed(slice);
}
