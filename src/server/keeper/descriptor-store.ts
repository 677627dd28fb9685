/** Descriptors by name, with facts about each: what outlives a server. */
import { closeFd } from "../../linux/fd.ts";
import type { Item, Meta } from "./messages.ts";

export interface KeptDescriptor extends Item {
  readonly fd: number;
}

export class DescriptorStore {
  /** In the order in which they came. */
  readonly #kept: Map<string, KeptDescriptor>;

  constructor() {
    this.#kept = new Map();
  }

  get items(): readonly KeptDescriptor[] {
    return [...this.#kept.values()];
  }

  get(name: string): KeptDescriptor | undefined {
    return this.#kept.get(name);
  }

  /** @param fd the store's from now on; what had the name before is closed */
  keep(name: string, meta: Meta, fd: number): void {
    this.drop(name);
    this.#kept.set(name, { name, meta, fd });
  }

  /** Lets go of it. @returns the descriptor, from now on the caller's; undefined when there is none */
  take(name: string): number | undefined {
    const kept = this.#kept.get(name);
    this.#kept.delete(name);
    return kept?.fd;
  }

  /** Closes it; nothing happens when there is none. */
  drop(name: string): void {
    const fd = this.take(name);
    if (fd !== undefined) closeFd(fd);
  }

  close(): void {
    for (const { fd } of this.#kept.values()) closeFd(fd);
    this.#kept.clear();
  }
}
