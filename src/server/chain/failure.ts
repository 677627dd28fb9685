/** Answers that are failures: a header and the question. */
import { FLAG_QR, FLAGS_AT, HEADER_BYTES, QDCOUNT_AT, writeU16 } from "../../dns/header.ts";
import { RCODE_REFUSED, RCODE_SERVFAIL } from "../../dns/types.ts";
import type { Answer } from "./answer.ts";
import type { Handler } from "./handler.ts";
import type { Query } from "./query.ts";

/** A response to `query` without records. */
export function emptyResponse(query: Query, rcode: number): Uint8Array {
  const wire = new Uint8Array(query.view.questionEnd);
  for (let i = HEADER_BYTES; i < wire.length; i++) wire[i] = query.wire[i] ?? 0;
  writeU16(wire, FLAGS_AT, FLAG_QR | rcode);
  writeU16(wire, QDCOUNT_AT, 1);
  return wire;
}

/** SERVFAIL by `plugin`, with its reason for `errors` to log. */
export function serverFailure(query: Query, plugin: string, error?: Error): Answer {
  const wire = emptyResponse(query, RCODE_SERVFAIL);
  return error === undefined ? { wire, plugin } : { wire, plugin, error };
}

/** End of a chain whose plugins all passed the query on: SERVFAIL, as CoreDNS. */
export const endOfChain: Handler = {
  serve: (query) => Promise.resolve(serverFailure(query, "")),
};

/** A server block none of whose plugins answers: REFUSED, as CoreDNS. */
export const refuseAll: Handler = {
  serve: (query) => Promise.resolve({ wire: emptyResponse(query, RCODE_REFUSED), plugin: "" }),
};
