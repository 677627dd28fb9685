/** Services, by name, by address of the Service, and by the name that an ExternalName stands for. */
import type { Service } from "../../kube/objects.ts";
import { canonicalAddress } from "./canonical-address.ts";
import { keyOf, MultiMap, Table } from "./table.ts";

export class ServiceTable extends Table<Service> {
  readonly #byKey = new Map<string, Service>();
  readonly #byAddress = new MultiMap<Service>();
  readonly #byTarget = new MultiMap<Service>();

  find(namespace: string, name: string): Service | undefined {
    return this.#byKey.get(keyOf(namespace, name));
  }

  /** @param address canonical */
  ofAddress(address: string): readonly Service[] {
    return this.#byAddress.get(address);
  }

  /** Services of type ExternalName that stand for a name. @param target lower case, without final dot */
  aliasesOf(target: string): readonly Service[] {
    return this.#byTarget.get(target);
  }

  protected override replace(after: Service | undefined, before: Service | undefined): void {
    if (before !== undefined) {
      for (const address of before.clusterIPs) this.#byAddress.delete(canonicalAddress(address), before);
      if (before.externalName !== "") this.#byTarget.delete(targetOf(before), before);
      if (after === undefined) this.#byKey.delete(keyOf(before.namespace, before.name));
    }
    if (after === undefined) return;
    this.#byKey.set(keyOf(after.namespace, after.name), after);
    for (const address of after.clusterIPs) this.#byAddress.add(canonicalAddress(address), after);
    if (after.externalName !== "") this.#byTarget.add(targetOf(after), after);
  }
}

/** The name that an ExternalName stands for: lower case, without final dot. */
export function targetOf({ externalName }: Pick<Service, "externalName">): string {
  return externalName.toLowerCase().replace(/\.$/, "");
}
