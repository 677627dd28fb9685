/**
 * Pods by address, and who has an address now.
 *
 * The end of a pod and the start of the next one that gets its address are told by different objects, so for a moment two
 * may claim it. The one that claimed it last has it, since an address is given out again only when it is free; but of
 * claims that were all there at the start nobody knows the order: then nobody has it.
 */
import type { Pod } from "../../kube/objects.ts";
import { canonicalAddress } from "./canonical-address.ts";
import { Table } from "./table.ts";

interface Claims {
  /** In the order in which they claimed it. */
  pods: Pod[];
  /** How many of them, in front, were there at the start, in an order that says nothing. */
  unordered: number;
}

const NONE: readonly Pod[] = [];

export class PodTable extends Table<Pod> {
  readonly #byAddress = new Map<string, Claims>();

  /** @param address canonical */
  ofAddress(address: string): readonly Pod[] {
    return this.#byAddress.get(address)?.pods ?? NONE;
  }

  /** The pod behind a client's address. @returns undefined for a node's address (host network), and for nobody's */
  owner(address: string): Pod | undefined {
    const claims = this.#byAddress.get(address);
    if (claims === undefined || claims.pods.some(({ hostNetwork }) => hostNetwork)) return undefined;
    return claims.pods.length === 1 || claims.pods.length > claims.unordered ? claims.pods.at(-1) : undefined;
  }

  protected override replace(after: Pod | undefined, before: Pod | undefined): void {
    const had = (before?.ips ?? []).map((ip) => canonicalAddress(ip));
    const has = (after?.ips ?? []).map((ip) => canonicalAddress(ip));
    for (const address of had) {
      const claims = this.#byAddress.get(address);
      if (claims === undefined || before === undefined) continue;
      const at = claims.pods.indexOf(before);
      if (at < 0) continue;
      // A pod that keeps its address keeps its turn.
      if (after !== undefined && has.includes(address)) claims.pods[at] = after;
      else {
        claims.pods.splice(at, 1);
        if (at < claims.unordered) claims.unordered--;
      }
      if (claims.pods.length === 0) this.#byAddress.delete(address);
    }
    if (after === undefined) return;
    for (const address of has) if (!had.includes(address)) this.#claim(address, after);
  }

  #claim(address: string, pod: Pod): void {
    const claims = this.#byAddress.get(address) ?? { pods: [], unordered: 0 };
    claims.pods.push(pod);
    if (!this.isSynced) claims.unordered++;
    this.#byAddress.set(address, claims);
  }
}
