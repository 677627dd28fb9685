/**
 * A stretch of work on one query that somebody watches (the `trace` plugin).
 *
 * The span of a query is that of the link which has it in hand: `chain/traced-link.ts` goes one deeper on the way down
 * and back on the way up.
 */
export interface Span {
  /** Begins a part of this stretch. */
  child(name: string): Span;
  /** It ends now. @param failure why it did not end well */
  end(failure?: Error): void;
}
