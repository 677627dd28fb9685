/** Queries that the cache sends down the chain: with AD, so that the answer says whether it is authentic data. */
import { SERVER_UDP_SIZE } from "../../../dns/edns.ts";
import { FLAG_AD, FLAG_CD, FLAGS_AT, HEADER_BYTES, writeU16 } from "../../../dns/header.ts";
import { buildQuery } from "../../../dns/query-builder.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT } from "../../../dns/query-view.ts";
import type { StoredQuestion } from "../../cache/prefetch-watch.ts";
import { Query, type ServerIdentity } from "../../chain/query.ts";
import type { ZoneSet } from "./zone-set.ts";

/** The client's query with AD set (RFC 6840 §5.7): who asked without it gets the answer without it, at the edge. */
export function withAd(query: Query): Query {
  if ((query.view.flags & FLAG_AD) !== 0) return query;
  const wire = query.wire.slice();
  const view = query.view.clone();
  view.flags |= FLAG_AD;
  writeU16(wire, FLAGS_AT, view.flags);
  return Query.again(query, wire, view, query.receivedAtMs);
}

/** The client's question as we ask it ourselves, recursion desired. */
export function askAgain(query: Query, nowMs: number): Query {
  const { view, wire } = query;
  const name = wire.subarray(HEADER_BYTES, HEADER_BYTES + view.nameLength);
  const question: StoredQuestion = {
    name,
    qtype: view.qtype,
    qclass: view.qclass,
    dnssecOk: view.dnssecOk,
    checkingDisabled: (view.flags & FLAG_CD) !== 0,
  };
  const again = messageFor(question);
  return Query.again(query, again.wire, again.view, nowMs);
}

/** A question of nobody's. Over TCP, as CoreDNS does it: so that the answer is not cut. */
export function askFor(question: StoredQuestion, server: ServerIdentity, zones: ZoneSet, nowMs: number): Query {
  const { wire, view } = messageFor(question);
  return new Query(wire, view, "tcp", server, zones.zoneOfQuestion(wire) ?? ".", NO_CLIENT, nowMs);
}

/** Address family 0: `Query.client` shows 0.0.0.0. */
const NO_CLIENT = new Uint8Array(28);

function messageFor(question: StoredQuestion): { wire: Uint8Array; view: QueryView } {
  const { name, qtype, qclass, dnssecOk, checkingDisabled } = question;
  const udpSize = SERVER_UDP_SIZE;
  const wire = buildQuery(name, qtype, qclass, { authenticData: true, checkingDisabled, dnssecOk, udpSize });
  const view = new QueryView();
  if (admitQuery(wire, 0, wire.length, view) !== VERDICT_ACCEPT) throw new Error("our own query is malformed");
  return { wire, view };
}
