/** One `forward` directive at work: which questions are its own, and asking them. */
import { EDE_NETWORK_ERROR, EDE_NO_REACHABLE_AUTHORITY } from "../../../dns/edns.ts";
import { ANCOUNT_AT, FLAGS_AT, HEADER_BYTES, RCODE_MASK, readU16 } from "../../../dns/header.ts";
import { isBelow } from "../../../dns/name.ts";
import { respond } from "../../../dns/response-builder.ts";
import { RCODE_NOERROR, RCODE_REFUSED, RCODE_SERVFAIL } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Query } from "../../chain/query.ts";
import type { CounterSeries } from "../../metrics/event-families.ts";
import type { ExtendedError, Waiter } from "../../upstream/flight.ts";
import type { UpstreamError } from "../../upstream/upstream-error.ts";
import type { UpstreamGroup } from "../../upstream/upstream-group.ts";
import type { ForwardSettings } from "./forward-settings.ts";

export class ForwardStanza {
  readonly settings: ForwardSettings;
  readonly #rejects: CounterSeries;
  readonly #tooMany: Error;
  #group: UpstreamGroup | undefined;
  #concurrent: number;

  constructor(settings: ForwardSettings, rejects: CounterSeries) {
    this.settings = settings;
    this.#rejects = rejects;
    this.#tooMany = new Error(`concurrent queries exceeded maximum ${settings.maxConcurrent}`);
    this.#group = undefined;
    this.#concurrent = 0;
  }

  /** From now on questions are asked. */
  use(group: UpstreamGroup): void {
    this.#group = group;
  }

  /** Questions in flight are answered first. */
  async stop(): Promise<void> {
    await this.#group?.close();
  }

  matches(query: Query): boolean {
    const { from, except } = this.settings;
    const { wire } = query;
    if (!isBelow(wire, HEADER_BYTES, from)) return false;
    if (except.length === 0 || query.view.nameLength === from.length) return true;
    return !except.some((zone) => isBelow(wire, HEADER_BYTES, zone));
  }

  /** Whether an answer is one that `next` or `next_on_nodata` gives to the following stanza. */
  passesOn(answer: Answer): boolean {
    if (answer.error !== undefined) return false;
    const { nextRcodes, nextOnNodata } = this.settings;
    const rcode = readU16(answer.wire, FLAGS_AT) & RCODE_MASK;
    if (nextRcodes.has(rcode)) return true;
    return nextOnNodata && rcode === RCODE_NOERROR && readU16(answer.wire, ANCOUNT_AT) === 0;
  }

  ask(query: Query): Promise<Answer> {
    const group = this.#group;
    if (group === undefined) throw new Error("forward was asked before it was started");
    const { maxConcurrent } = this.settings;
    if (maxConcurrent > 0 && this.#concurrent >= maxConcurrent) {
      this.#rejects.add();
      const wire = respond(query.wire, query.view, RCODE_REFUSED);
      return Promise.resolve({ wire, plugin: "forward", error: this.#tooMany });
    }
    this.#concurrent++;
    return new Promise((resolve) => {
      const waiter = new ForwardWaiter(this, query, resolve);
      group.ask(query.wire, query.view, query.transport === "tcp", waiter, query.upstreamOptions);
    });
  }

  finished(): void {
    this.#concurrent--;
  }
}

class ForwardWaiter implements Waiter {
  readonly #stanza: ForwardStanza;
  readonly #query: Query;
  readonly #resolve: (answer: Answer) => void;

  constructor(stanza: ForwardStanza, query: Query, resolve: (answer: Answer) => void) {
    this.#stanza = stanza;
    this.#query = query;
    this.#resolve = resolve;
  }

  answered(wire: Uint8Array, to: string, extendedError: ExtendedError | undefined): void {
    this.#stanza.finished();
    this.#query.metadata?.set("forward/upstream", to);
    this.#resolve(
      extendedError === undefined ? { wire, plugin: "forward" } : { wire, plugin: "forward", extendedError },
    );
  }

  failed(error: UpstreamError): void {
    this.#stanza.finished();
    const unreachable = error.kind === "timeout" || error.kind === "no-healthy" || error.kind === "busy";
    const code = unreachable ? EDE_NO_REACHABLE_AUTHORITY : EDE_NETWORK_ERROR;
    const wire = respond(this.#query.wire, this.#query.view, RCODE_SERVFAIL);
    // Addresses of upstreams are nobody's business but the operator's: they are in the log, not in the reply.
    this.#resolve({ wire, plugin: "forward", error, extendedError: { code, text: EXTRA_TEXT[error.kind] } });
  }
}

const EXTRA_TEXT: Readonly<Record<UpstreamError["kind"], string>> = {
  timeout: "upstream timed out",
  refused: "upstream refused the connection",
  unreachable: "upstream unreachable",
  closed: "upstream closed the connection",
  tls: "upstream TLS failed",
  protocol: "upstream sent no DNS",
  "near-miss": "upstream replies do not match",
  busy: "too many queries in flight",
  "no-healthy": "no healthy upstream",
};
