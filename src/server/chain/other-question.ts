/** The client's query with another question, for plugins that ask the rest of the chain something else. */
import { HEADER_BYTES, writeU16 } from "../../dns/header.ts";
import { Query } from "./query.ts";

/**
 * @param name uncompressed wire form, root included
 * @param type what to ask for; class, header flags and OPT stay the client's
 * @returns a query with a message of its own; answers to it carry its question, not the client's
 */
export function withQuestion(query: Query, name: Uint8Array, type: number): Query {
  const { wire } = query;
  const view = query.view.clone();
  const shift = name.length - view.nameLength;
  const changed = new Uint8Array(wire.length + shift);
  changed.set(wire.subarray(0, HEADER_BYTES));
  changed.set(name, HEADER_BYTES);
  changed.set(wire.subarray(HEADER_BYTES + view.nameLength), HEADER_BYTES + name.length);
  writeU16(changed, HEADER_BYTES + name.length, type);
  view.nameLength = name.length;
  view.qtype = type;
  view.questionEnd += shift;
  if (view.optionsAt > 0) view.optionsAt += shift;
  return Query.again(query, changed, view, query.receivedAtMs);
}
