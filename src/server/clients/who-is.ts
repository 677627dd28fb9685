/** Whose an address is. */

export interface Owner {
  readonly namespace: string;
  readonly pod: string;
}

/** What addresses of the node belong to: processes of the node and all its host-network pods. */
export const NODE: Owner = { namespace: "", pod: "node" };

export interface WhoIs {
  /** Changes whenever an answer of before may be wrong. */
  readonly version: number;
  /** @param address text, as `base/address.ts` writes it @returns undefined when nobody is known to have it */
  whoIs(address: string): Owner | undefined;
}
