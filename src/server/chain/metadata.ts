/**
 * What plugins tell each other about one query: short texts under labels `plugin/name`.
 *
 * A query has a `Metadata` only where the `metadata` plugin is in its server block and the name is in its zones; for all
 * others `query.metadata` is undefined and telling costs one comparison. "" is the same as nothing told.
 */

export class Metadata {
  readonly #values: Map<string, string | (() => string)>;

  constructor() {
    this.#values = new Map();
  }

  /** @param value or a function that is called each time the label is read; it must be quick and not throw */
  set(label: string, value: string | (() => string)): void {
    this.#values.set(label, value);
  }

  /** @param label `forward/upstream` @returns "" when nobody has told */
  get(label: string): string {
    const value = this.#values.get(label);
    if (value === undefined) return "";
    return typeof value === "string" ? value : value();
  }
}
