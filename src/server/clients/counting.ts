/** When clients are counted, and how many are kept: what an operator chooses. */

/** `never`, while somebody looks, all along, or all along and as metrics with labels. */
export const COUNTING = ["never", "watched", "always", "metrics"] as const;
export type Counting = (typeof COUNTING)[number];

/** How many of each are kept; more are known by their sum only. */
export interface LedgerSizes {
  readonly clients: number;
  readonly names: number;
  readonly namesPerClient: number;
}

export const LEDGER_SIZES: LedgerSizes = { clients: 1024, names: 1024, namesPerClient: 16 };
