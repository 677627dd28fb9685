/** ServiceImports of the multi-cluster API, by name. */
import type { ServiceImport } from "../../kube/objects.ts";
import { keyOf, Table } from "./table.ts";

export class ImportTable extends Table<ServiceImport> {
  readonly #byKey = new Map<string, ServiceImport>();

  find(namespace: string, name: string): ServiceImport | undefined {
    return this.#byKey.get(keyOf(namespace, name));
  }

  protected override replace(after: ServiceImport | undefined, before: ServiceImport | undefined): void {
    if (before !== undefined) this.#byKey.delete(keyOf(before.namespace, before.name));
    if (after !== undefined) this.#byKey.set(keyOf(after.namespace, after.name), after);
  }
}
