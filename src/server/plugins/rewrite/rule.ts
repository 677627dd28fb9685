/** What a rule of `rewrite` is: it may change a question, and it may ask for changes of the answer. */
import type { Draft } from "./draft.ts";

/** A change of the answer; those of all rules that applied are made in reverse order. */
export type ResponseRule =
  /** Owner names of records. @returns the same text when it does not apply */
  | { readonly kind: "name"; readonly rewrite: (name: string) => string }
  /** The name in the data of records that have one. */
  | { readonly kind: "value"; readonly rewrite: (name: string) => string }
  /** Seconds; a TTL outside is moved to the nearer end. */
  | { readonly kind: "ttl"; readonly min: number; readonly max: number }
  | { readonly kind: "rcode"; readonly from: number; readonly to: number }
  /** @returns the new target of a CNAME, or undefined when it stays */
  | { readonly kind: "cname"; readonly target: (name: string) => string | undefined };

export interface Rule {
  /** No rule after this one, when it applies. */
  readonly stop: boolean;
  /** Class of the questions that it gives another class. */
  readonly fromClass?: number;
  /** @returns undefined when it does not apply to the question; else it has been applied */
  apply(draft: Draft): readonly ResponseRule[] | undefined;
}
