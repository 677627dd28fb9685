/** What kind of response a message is, as CoreDNS tells them apart (plugin/pkg/response). */
import { RCODE_NOERROR, RCODE_NOTIMP, RCODE_NXDOMAIN, RCODE_SERVFAIL } from "../../../dns/types.ts";
import { ResponseScan, scanResponse } from "../../../dns/response-scan.ts";
import type { Query } from "../../chain/query.ts";
import type { Answer } from "../../chain/answer.ts";

export type ResponseType = "NOERROR" | "NXDOMAIN" | "SERVERERROR" | "NODATA" | "DELEGATION" | "OTHERERROR";
export type ResponseClass = "success" | "denial" | "error";

const scan = new ResponseScan();

/** @param nowUnixS for signatures, which count when the client wants them */
export function responseType(query: Query, answer: Answer, nowUnixS: number): ResponseType {
  if (answer.dropped === true || scanResponse(answer.wire, 0, answer.wire.length, scan) < 0) return "OTHERERROR";
  if ((query.view.dnssecOk || scan.dnssecOk) && scan.rrsigExpired(nowUnixS)) return "OTHERERROR";
  const { rcode } = scan;
  if (scan.answerCount > 0 && rcode === RCODE_NOERROR) return "NOERROR";
  if (scan.answerCount > 0 && rcode === RCODE_NXDOMAIN) return "OTHERERROR";
  if (rcode === RCODE_NXDOMAIN) return "NXDOMAIN";
  if (rcode === RCODE_SERVFAIL || rcode === RCODE_NOTIMP) return "SERVERERROR";
  if (rcode !== RCODE_NOERROR) return "OTHERERROR";
  if (scan.hasSoa) return "NODATA";
  return scan.hasNsInAuthority ? "DELEGATION" : "NOERROR";
}

export function responseClass(type: ResponseType): ResponseClass {
  switch (type) {
    case "NOERROR":
    case "DELEGATION":
      return "success";
    case "NXDOMAIN":
    case "NODATA":
      return "denial";
    case "SERVERERROR":
    case "OTHERERROR":
      return "error";
  }
}
