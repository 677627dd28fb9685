/** The groups that are open in this process, for news about addresses. */
import type { UpstreamGroup } from "./upstream-group.ts";

export class OpenGroups {
  readonly #groups = new Set<UpstreamGroup>();

  /** @returns takes it out again */
  add(group: UpstreamGroup): () => void {
    this.#groups.add(group);
    return () => void this.#groups.delete(group);
  }

  /**
   * What was connected to an address is not to be trusted any more: an endpoint there, or behind it, went away. Connections
   * are closed at once, and questions on them asked again over new ones.
   *
   * @param address without port, as a Corefile or an object has it in canonical form
   * @returns connections that were closed
   */
  renew(address: string): number {
    let closed = 0;
    for (const group of this.#groups) closed += group.renew(address);
    return closed;
  }
}
