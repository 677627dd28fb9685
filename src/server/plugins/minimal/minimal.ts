/** `minimal`: successful answers without the records that nobody asked for. The cache stands above and keeps what is left. */
import { ARCOUNT_AT, NSCOUNT_AT, readU16, writeU16 } from "../../../dns/header.ts";
import { skipName } from "../../../dns/name.ts";
import { ResponseScan, scanResponse } from "../../../dns/response-scan.ts";
import { RCODE_NOERROR, TYPE_NSEC, TYPE_NSEC3 } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArgs, expectNoProperties, once } from "../../corefile/arguments.ts";

export const minimal: Plugin = {
  directive: "minimal",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const directive = once(directives);
    expectArgs(directive, 0);
    expectNoProperties(directive);
    return { handler: (next) => new Minimal(next, () => context.clock.wallMs() / 1000) };
  },
};

class Minimal implements Handler {
  readonly #next: Handler;
  readonly #unixS: () => number;
  readonly #scan: ResponseScan;

  constructor(next: Handler, unixS: () => number) {
    this.#next = next;
    this.#unixS = unixS;
    this.#scan = new ResponseScan();
  }

  async serve(query: Query): Promise<Answer> {
    const answer = await this.#next.serve(query);
    if (answer.error !== undefined || answer.dropped === true) return answer;
    const { wire } = answer;
    const scan = this.#scan;
    if (scanResponse(wire, 0, wire.length, scan) !== 0 || !this.#mayShrink(query, scan)) return answer;
    const proves = query.view.dnssecOk && hasProof(wire, scan);
    // Names point backwards only, so that what is cut off is missed by nobody.
    const shorter = wire.slice(0, proves ? scan.authorityEnd : scan.answerEnd);
    if (!proves) writeU16(shorter, NSCOUNT_AT, 0);
    writeU16(shorter, ARCOUNT_AT, 0);
    return { ...answer, wire: shorter, plugin: "minimal" };
  }

  /** A success that is no referral and no NODATA, and has something to lose. */
  #mayShrink(query: Query, scan: ResponseScan): boolean {
    if (scan.extendedRcode !== RCODE_NOERROR || scan.answerEnd === scan.end) return false;
    if (scan.answerCount === 0) return !scan.hasSoa && !scan.hasNsInAuthority;
    return !query.view.dnssecOk || !scan.rrsigExpired(this.#unixS());
  }
}

/** Whether the authority section proves that a wildcard was right (RFC 4035 §3.1.3.3, RFC 5155 §7.2.6). */
function hasProof(wire: Uint8Array, scan: ResponseScan): boolean {
  let at = scan.answerEnd;
  while (at < scan.authorityEnd) {
    const typeAt = skipName(wire, at, wire.length);
    const type = readU16(wire, typeAt);
    if (type === TYPE_NSEC || type === TYPE_NSEC3) return true;
    at = typeAt + 10 + readU16(wire, typeAt + 8);
  }
  return false;
}
