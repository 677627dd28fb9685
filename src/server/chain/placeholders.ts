/**
 * Placeholders of text that a Corefile has written about once for each query: log lines, dnstap's `extra`.
 *
 * A text is cut into parts; one in braces whose word is known stands for something of the query, `{/plugin/name}` for
 * metadata, everything else for itself.
 */
import { OPCODE_MASK, OPCODE_SHIFT } from "../../dns/header.ts";
import { className, typeName } from "../../dns/types.ts";
import type { Query } from "./query.ts";

/** Stands for what there is none of. */
export const EMPTY = "-";

export type QueryText = (query: Query) => string;

/** What CoreDNS has names for and a query alone can tell. */
export const QUERY_PLACEHOLDERS: ReadonlyMap<string, QueryText> = new Map<string, QueryText>([
  ["{type}", ({ view }) => typeName(view.qtype)],
  ["{name}", ({ name }) => name.toLowerCase()],
  ["{class}", ({ view }) => className(view.qclass)],
  ["{proto}", ({ transport }) => transport],
  ["{size}", ({ wire }) => String(wire.length)],
  ["{remote}", ({ client }) => bracketed(client.address)],
  ["{port}", ({ client }) => String(client.port)],
  ["{local}", ({ server }) => bracketed(server.address)],
  ["{>id}", ({ view }) => String(view.id)],
  ["{>opcode}", ({ view }) => String((view.flags & OPCODE_MASK) >> OPCODE_SHIFT)],
  ["{>do}", ({ view }) => String(view.dnssecOk)],
  ["{>bufsize}", ({ transport, view }) => String(transport === "tcp" ? 65_535 : view.udpSize)],
]);

/** The parts of a text: those in braces, and what is between them. */
export function partsOf(text: string): string[] {
  return text.split(/(\{[^{}]*\})/g).filter((part) => part !== "");
}

/** @returns the label of `{/plugin/name}`, or undefined for another part */
export function metadataLabel(part: string): string | undefined {
  return part.startsWith("{/") && part.endsWith("}") ? part.slice(2, -1) : undefined;
}

function bracketed(address: string): string {
  return address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
}
