/** `dns64`: IPv6 addresses made of IPv4 ones, for clients behind a NAT64 (RFC 6147). */
import { FLAG_AA, FLAG_CD, FLAG_QR, FLAG_RA, FLAG_TC } from "../../../dns/header.ts";
import { decodeMessage, encodeMessage, type Message } from "../../../dns/message.ts";
import { MessageError } from "../../../dns/message-error.ts";
import type { ResourceRecord } from "../../../dns/records/record.ts";
import { ResponseScan, scanResponse } from "../../../dns/response-scan.ts";
import { CLASS_IN, RCODE_NXDOMAIN, TYPE_A, TYPE_AAAA } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import { serverFailure } from "../../chain/failure.ts";
import type { Handler } from "../../chain/handler.ts";
import { withQuestion } from "../../chain/other-question.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArg, expectArgs, once, properties, unknownProperty } from "../../corefile/arguments.ts";
import type { Counter } from "../../metrics/event-families.ts";
import { embed, type Prefix, readPrefix } from "./prefix.ts";

/** RFC 6052 §2.1. */
const WELL_KNOWN: Prefix = {
  bytes: Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  length: 12,
};
/** Longest TTL of a made record where no SOA tells how long the absence of a real one holds (RFC 6147 §5.1.7). */
const TTL_WITHOUT_SOA_S = 600;

interface Settings {
  prefix: Prefix;
  /** Also where there are real ones. */
  translateAll: boolean;
  /** Also for clients that came over IPv4. */
  allowIpv4: boolean;
}

export const dns64: Plugin = {
  directive: "dns64",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const settings = readSettings(once(directives));
    // The cache below holds the answers that are to be replaced.
    context.seeEveryQuery();
    const translated = context.metrics.counter("coredns_dns64_requests_translated_total");
    return { handler: (next) => new Dns64(next, settings, translated) };
  },
};

/** `dns64 [PREFIX] { prefix PREFIX | translate_all | allow_ipv4 }` */
function readSettings(directive: Directive): Settings {
  const [prefix] = expectArgs(directive, 0, 1);
  const settings: Settings = {
    prefix: prefix === undefined ? WELL_KNOWN : readPrefix(prefix),
    translateAll: false,
    allowIpv4: false,
  };
  for (const property of properties(directive)) {
    switch (property.name.text) {
      case "prefix":
        settings.prefix = readPrefix(expectArg(property));
        break;
      case "translate_all":
        expectArgs(property, 0);
        settings.translateAll = true;
        break;
      case "allow_ipv4":
        expectArgs(property, 0);
        settings.allowIpv4 = true;
        break;
      default:
        unknownProperty(property);
    }
  }
  return settings;
}

class Dns64 implements Handler {
  readonly #next: Handler;
  readonly #settings: Settings;
  readonly #translated: Counter<[string]>;
  readonly #scan: ResponseScan;

  constructor(next: Handler, settings: Settings, translated: Counter<[string]>) {
    this.#next = next;
    this.#settings = settings;
    this.#translated = translated;
    this.#scan = new ResponseScan();
  }

  serve(query: Query): Promise<Answer> {
    return this.#concerns(query) ? this.#translate(query) : this.#next.serve(query);
  }

  #concerns(query: Query): boolean {
    const { view } = query;
    if (view.qtype !== TYPE_AAAA || view.qclass !== CLASS_IN) return false;
    // A client that validates by itself would refuse what is made here (RFC 6147 §3, §5.5).
    if (view.dnssecOk && (view.flags & FLAG_CD) !== 0) return false;
    return this.#settings.allowIpv4 || query.client.address.includes(":");
  }

  async #translate(query: Query): Promise<Answer> {
    const real = await this.#next.serve(query);
    if (real.error !== undefined || real.dropped === true) return real;
    const { wire } = real;
    if (scanResponse(wire, 0, wire.length, this.#scan) !== 0) return real;
    // Any other failure is how some servers answer for a type that they do not know (RFC 6147 §5.1.2, RFC 4074).
    if (this.#scan.extendedRcode === RCODE_NXDOMAIN) return real;
    const absent = decodeMessage(wire);
    if (!this.#settings.translateAll && absent.answers.some(({ type }) => type === TYPE_AAAA)) return real;
    const name = query.wire.slice(12, 12 + query.view.nameLength);
    const found = await this.#next.serve(withQuestion(query, name, TYPE_A));
    if (found.dropped === true) return found;
    this.#translated.with(query.server.label).add();
    try {
      const message = synthesize(this.#settings.prefix, query, absent, decodeMessage(found.wire));
      return { ...found, wire: encodeMessage(message), plugin: "dns64" };
    } catch (error) {
      // Sixteen bytes for four: the largest of messages may no longer fit.
      if (error instanceof MessageError) return serverFailure(query, "dns64", error);
      throw error;
    }
  }
}

/** The answer about A as one about AAAA. */
function synthesize(prefix: Prefix, query: Query, absent: Message, found: Message): Message {
  const ttlMax = absent.authority.find(({ data }) => data.kind === "soa")?.ttl ?? TTL_WITHOUT_SOA_S;
  const { edns: _, ...message } = found;
  return {
    ...message,
    // AD was said of the addresses that were found.
    flags: FLAG_QR | (found.flags & (FLAG_AA | FLAG_RA | FLAG_TC)),
    rcode: found.rcode & 0x0f,
    question: [{ name: query.wire.slice(12, 12 + query.view.nameLength), type: TYPE_AAAA, class: CLASS_IN }],
    answers: found.answers.flatMap((record): ResourceRecord[] => {
      const { data } = record;
      if (data.kind === "a") {
        const ttl = Math.min(record.ttl, ttlMax);
        return [{ ...record, type: TYPE_AAAA, ttl, data: { kind: "aaaa", address: embed(prefix, data.address) } }];
      }
      // Signatures of what is no longer there.
      return data.kind === "rrsig" && data.typeCovered === TYPE_A ? [] : [record];
    }),
  };
}
