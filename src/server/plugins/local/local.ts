/** `local`: names of this machine are answered here and never leave it (RFC 6761 §6.3, RFC 6303 §4.2). */
import type { Log } from "../../../base/log.ts";
import { isBelow, sameName } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { RecordData, ResourceRecord } from "../../../dns/records/record.ts";
import { respond } from "../../../dns/response-builder.ts";
import {
  CLASS_IN,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
  TYPE_A,
  TYPE_AAAA,
  TYPE_NS,
  TYPE_PTR,
  TYPE_SOA,
  typeName,
} from "../../../dns/types.ts";
import { ConfigError } from "../../../base/errors.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArg, expectArgs, once, properties, unknownProperty } from "../../corefile/arguments.ts";
import type { CounterSeries } from "../../metrics/event-families.ts";

/** A week. */
const TTL_S = 604_800;
const LOCALHOST: Uint8Array = nameFromText("localhost.");
/** What a name of the form `localhost.<domain>` begins with. */
const LOCALHOST_LABEL: Uint8Array = LOCALHOST.slice(0, -1);
const LOOPBACK_REVERSE: Uint8Array = nameFromText("1.0.0.127.in-addr.arpa.");
const ZONES: readonly Uint8Array[] = [
  LOCALHOST,
  ...["0.in-addr.arpa.", "127.in-addr.arpa.", "255.in-addr.arpa."].map((zone) => nameFromText(zone)),
];

const LOOPBACK_V4: RecordData = { kind: "a", address: Uint8Array.of(127, 0, 0, 1) };
const LOOPBACK_V6: RecordData = {
  kind: "aaaa",
  address: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
};
const LOCALHOST_NAME: RecordData = { kind: "name", name: LOCALHOST };
const SOA: RecordData = {
  kind: "soa",
  mname: LOCALHOST,
  rname: nameFromText("root.localhost."),
  serial: 1,
  refresh: 0,
  retry: 0,
  expire: 0,
  minimum: TTL_S,
};

/**
 * The fast path may go on: no answer to these names ever reaches the cache below, so none is ever found there
 * (`block.ts` starts a cold cache when `local` comes into a block).
 */
export const local: Plugin = {
  directive: "local",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const directive = once(directives);
    expectArgs(directive, 0);
    let prefix = true;
    for (const property of properties(directive)) {
      if (property.name.text !== "localhost_prefix") unknownProperty(property);
      const { text, position } = expectArg(property);
      if (text !== "on" && text !== "off") {
        throw new ConfigError(position, `localhost_prefix expects 'on' or 'off', got "${text}"`);
      }
      prefix = text === "on";
    }
    const log = context.log.plugin("local");
    const requests = context.metrics.counter("coredns_local_localhost_requests_total").with();
    return { handler: (next) => new Local(next, prefix, log, requests) };
  },
};

class Local implements Handler {
  readonly #next: Handler;
  readonly #prefix: boolean;
  readonly #log: Log;
  readonly #requests: CounterSeries;

  constructor(next: Handler, prefix: boolean, log: Log, requests: CounterSeries) {
    this.#next = next;
    this.#prefix = prefix;
    this.#log = log;
    this.#requests = requests;
  }

  serve(query: Query): Promise<Answer> {
    const { wire, view } = query;
    if (this.#isLocalhost(query)) {
      const name = query.name.toLowerCase();
      this.#log.debug(
        `Intercepting localhost query for "${name}" ${typeName(view.qtype)}, from ${query.client.address}`,
      );
      this.#requests.add();
      return Promise.resolve(addresses(query));
    }
    const zone = ZONES.find((candidate) => isBelow(wire, 12, candidate));
    if (zone === undefined) return this.#next.serve(query);
    return Promise.resolve(view.nameLength === zone.length ? atApex(query, zone) : below(query, zone));
  }

  /** A name below `localhost.`, or one that a search list was added to. */
  #isLocalhost({ wire, view }: Query): boolean {
    if (view.nameLength <= LOCALHOST.length) return false;
    if (isBelow(wire, 12, LOCALHOST)) return true;
    return this.#prefix && sameName(wire, 12, LOCALHOST_LABEL, 0, LOCALHOST_LABEL.length);
  }
}

/** The loopback addresses under the name that was asked for. */
function addresses(query: Query): Answer {
  const owner = ownerOf(query, query.view.nameLength);
  if (query.view.qtype === TYPE_A) return success(query, record(owner, TYPE_A, LOOPBACK_V4));
  if (query.view.qtype === TYPE_AAAA) return success(query, record(owner, TYPE_AAAA, LOOPBACK_V6));
  return nothing(query, RCODE_NOERROR, owner);
}

function atApex(query: Query, zone: Uint8Array): Answer {
  const owner = ownerOf(query, zone.length);
  const { qtype } = query.view;
  if (qtype === TYPE_SOA) return success(query, record(owner, TYPE_SOA, SOA));
  if (qtype === TYPE_NS) return success(query, record(owner, TYPE_NS, LOCALHOST_NAME));
  return zone === LOCALHOST ? addresses(query) : nothing(query, RCODE_NOERROR, owner);
}

/** One name exists below the zones: that of the loopback address. */
function below(query: Query, zone: Uint8Array): Answer {
  const { wire, view } = query;
  const exists =
    view.nameLength === LOOPBACK_REVERSE.length && sameName(wire, 12, LOOPBACK_REVERSE, 0, LOOPBACK_REVERSE.length);
  if (exists && view.qtype === TYPE_PTR) {
    return success(query, record(ownerOf(query, view.nameLength), TYPE_PTR, LOCALHOST_NAME));
  }
  return nothing(query, exists ? RCODE_NOERROR : RCODE_NXDOMAIN, ownerOf(query, zone.length));
}

/** The last `length` bytes of the question's name, as the client spelled them. */
function ownerOf({ wire, view }: Query, length: number): Uint8Array {
  const end = 12 + view.nameLength;
  return wire.slice(end - length, end);
}

function record(name: Uint8Array, type: number, data: RecordData): ResourceRecord {
  return { name, type, class: CLASS_IN, ttl: TTL_S, data };
}

function success(query: Query, answer: ResourceRecord): Answer {
  return { wire: respond(query.wire, query.view, RCODE_NOERROR, [answer]), plugin: "local" };
}

function nothing(query: Query, rcode: number, zone: Uint8Array): Answer {
  return {
    wire: respond(query.wire, query.view, rcode, [], { authority: [record(zone, TYPE_SOA, SOA)] }),
    plugin: "local",
  };
}
