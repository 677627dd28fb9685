/** Responses for tests, written as lines of a zone file. */
import { FLAG_TC, FLAGS_AT, readU16, writeU16 } from "../../src/dns/header.ts";
import { recordFromText } from "../../src/dns/records/record-text.ts";
import type { ResourceRecord } from "../../src/dns/records/record.ts";
import { respond } from "../../src/dns/response-builder.ts";
import { RCODE_NXDOMAIN } from "../../src/dns/types.ts";
import type { Query } from "../../src/server/chain/query.ts";

export interface ResponseText {
  /** Default 0, NOERROR. */
  readonly rcode?: number;
  /** `www.example.org. 60 IN A 192.0.2.1`; an owner of `@` is the question's name. */
  readonly answers?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
  readonly authoritative?: boolean;
  /** Bits to set in the header's flags word besides. */
  readonly flags?: number;
}

/** A response to the query, compressed, without OPT. */
export function responseTo(query: Query, text: ResponseText): Uint8Array {
  const records = (lines: readonly string[] = []): ResourceRecord[] =>
    lines.map((line) => recordFromText(line, query.wire.slice(12, 12 + query.view.nameLength)));
  const wire = respond(query.wire, query.view, text.rcode ?? 0, records(text.answers), {
    authority: records(text.authority),
    additional: records(text.additional),
    authoritative: text.authoritative ?? false,
  });
  writeU16(wire, FLAGS_AT, readU16(wire, FLAGS_AT) | (text.flags ?? 0));
  return wire;
}

/** One address. */
export function positive(query: Query, ttl: number, address = "192.0.2.1"): Uint8Array {
  return responseTo(query, { answers: [`@ ${ttl} IN A ${address}`] });
}

export function soaLine(ttl: number, minimum: number): string {
  return `example.org. ${ttl} IN SOA ns.example.org. admin.example.org. 1 7200 900 1209600 ${minimum}`;
}

export function nxdomain(query: Query, soaTtl: number, minimum: number = soaTtl): Uint8Array {
  return responseTo(query, { rcode: RCODE_NXDOMAIN, authority: [soaLine(soaTtl, minimum)] });
}

export function nodata(query: Query, soaTtl: number, minimum: number = soaTtl): Uint8Array {
  return responseTo(query, { authority: [soaLine(soaTtl, minimum)] });
}

export function truncated(query: Query, ttl: number): Uint8Array {
  return responseTo(query, { answers: [`@ ${ttl} IN A 192.0.2.1`], flags: FLAG_TC });
}
