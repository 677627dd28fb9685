import type { Namespace } from "../../kube/objects.ts";
import { Table } from "./table.ts";

export class NamespaceTable extends Table<Namespace> {
  readonly #names = new Set<string>();

  has(name: string): boolean {
    return this.#names.has(name);
  }

  protected override replace(after: Namespace | undefined, before: Namespace | undefined): void {
    if (before !== undefined) this.#names.delete(before.name);
    if (after !== undefined) this.#names.add(after.name);
  }
}
