import type { EdnsOption } from "../../dns/message.ts";

/**
 * What a chain gives back for a query.
 *
 * `wire` is a whole response message with QR set and the question of the query (any spelling), made by one plugin. Its
 * id, RD, CD, Z, the spelling of the question, the OPT record, and its size are the business of the edge
 * (`chain/finish-reply.ts`), not of plugins: whatever they put there is overwritten.
 */
export interface Answer {
  readonly wire: Uint8Array;
  /** Directive that made the answer: the `plugin` label of `coredns_dns_responses_total`. "" when the server itself did. */
  readonly plugin: string;
  /** Why the answer is a failure; `errors` logs it. */
  readonly error?: Error;
  /** Extended DNS error (RFC 8914) to add when the client sent an OPT. */
  readonly extendedError?: { readonly code: number; readonly text: string };
  /** EDNS options for a client that sent an OPT; one for which the reply has no room stays out. */
  readonly options?: readonly EdnsOption[];
  /** Header flags that the edge is not to decide. */
  readonly flags?: FlagOverride;
  /** The client gets no reply at all. */
  readonly dropped?: boolean;
}

/** Some header flags with the values that they shall have. */
export interface FlagOverride {
  /** `FLAG_AA`, `FLAG_RA` and `FLAG_RD`: which ones. */
  readonly mask: number;
  /** Those of them that are to be set. */
  readonly value: number;
}
