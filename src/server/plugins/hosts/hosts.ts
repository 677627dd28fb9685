/** `hosts`: answers out of a hosts file and out of entries in the Corefile. */
import { isBelow } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { ResourceRecord } from "../../../dns/records/record.ts";
import { respond } from "../../../dns/response-builder.ts";
import { CLASS_IN, RCODE_NOERROR, RCODE_SERVFAIL, TYPE_A, TYPE_AAAA, TYPE_PTR } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { once } from "../../corefile/arguments.ts";
import { type HostChanges, type HostMap, nameKey, readHosts } from "./host-map.ts";
import { HostsFile } from "./hosts-file.ts";
import { type HostsDirective, readDirective } from "./options.ts";
import { reverseAddress } from "../../records/reverse-name.ts";

/** Records in one answer: block lists give one address to a million names. */
const ANSWERS_MAX = 500;
/** Changed names beyond which all that the block has in the cache is let go of. */
const CHANGES_MAX = 20_000;
const ROOT = new Uint8Array(1);

export const hosts: Plugin = {
  directive: "hosts",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const log = context.log.plugin("hosts");
    const directive = readDirective(once(directives), context, log);
    const zones = directive.zones.map((zone) => nameFromText(zone));
    const inline = readHosts(directive.inline, { zones, reverse: directive.reverse });
    const file = new HostsFile({
      path: directive.path,
      zones,
      reverse: directive.reverse,
      reloadMs: directive.reloadMs,
      log,
      onRead: (map, modifiedMs) => {
        context.metrics
          .gauge("coredns_hosts_entries")
          .with(directive.path)
          .set(inline.size + map.size);
        context.metrics
          .gauge("coredns_hosts_reload_timestamp_seconds")
          .with()
          .set(modifiedMs / 1000);
      },
      onChange: (before, after) => forget(context, before.changesTo(after)),
    });
    return {
      origin: directive.digest,
      handler: (next) => new Hosts(next, directive, zones, file, inline),
      start: async () => file.start(),
      stop: async () => file.stop(),
    };
  },
};

/** What was answered for the names is not to be answered again. */
function forget({ store, partition }: SetupContext, { names, trees }: HostChanges): void {
  const isAll = names.length + trees.length > CHANGES_MAX;
  if (!isAll) store.removeNames(partition, names);
  for (const tree of isAll ? [ROOT] : trees) store.removeBelow(partition, tree);
}

class Hosts implements Handler {
  readonly #next: Handler;
  readonly #zones: readonly Uint8Array[];
  readonly #fallthrough: readonly Uint8Array[];
  readonly #fallthroughUnsupported: boolean;
  readonly #ttlS: number;
  readonly #file: HostsFile;
  readonly #inline: HostMap;

  constructor(
    next: Handler,
    directive: HostsDirective,
    zones: readonly Uint8Array[],
    file: HostsFile,
    inline: HostMap,
  ) {
    this.#next = next;
    this.#zones = zones;
    this.#fallthrough = directive.fallthrough.map((zone) => nameFromText(zone));
    this.#fallthroughUnsupported = directive.fallthroughUnsupported;
    this.#ttlS = directive.ttlS;
    this.#file = file;
    this.#inline = inline;
  }

  serve(query: Query): Promise<Answer> {
    const answer = this.#answer(query);
    return answer === undefined ? this.#next.serve(query) : Promise.resolve(answer);
  }

  /** @returns undefined when the next plugin is to answer */
  #answer(query: Query): Answer | undefined {
    const { wire, view } = query;
    if (view.qclass !== CLASS_IN) return undefined;
    // Names of addresses need not be below the zones, and those that are not found always go on.
    if (view.qtype === TYPE_PTR) return this.#answerReverse(query);
    if (!isInside(wire, this.#zones)) return undefined;
    const key = nameKey(wire, 12, view.nameLength);
    const v4 = this.#addresses(key, "v4");
    const v6 = this.#addresses(key, "v6");
    const present = v4.length + v6.length > 0;
    const supported = view.qtype === TYPE_A || view.qtype === TYPE_AAAA;
    if (!present || (!supported && this.#fallthroughUnsupported)) {
      if (isInside(wire, this.#fallthrough)) return undefined;
    }
    // An NXDOMAIN would need an SOA, and a hosts file has none.
    if (!present) return { wire: respond(wire, view, RCODE_SERVFAIL), plugin: "hosts" };
    const owner = wire.slice(12, 12 + view.nameLength);
    const records = (view.qtype === TYPE_A ? v4 : view.qtype === TYPE_AAAA ? v6 : []).map(
      (address): ResourceRecord => ({
        name: owner,
        type: view.qtype,
        class: CLASS_IN,
        ttl: this.#ttlS,
        data: { kind: address.length === 4 ? "a" : "aaaa", address },
      }),
    );
    return this.#respond(query, records);
  }

  #answerReverse(query: Query): Answer | undefined {
    const { wire, view } = query;
    const address = reverseAddress(wire, 12);
    if (address === undefined) return undefined;
    const names = [...this.#file.map.names(address).slice(0, ANSWERS_MAX), ...this.#inline.names(address)];
    if (names.length === 0) return undefined;
    const owner = wire.slice(12, 12 + view.nameLength);
    const records = distinct(names).map((name): ResourceRecord => ({
      name: owner,
      type: TYPE_PTR,
      class: CLASS_IN,
      ttl: this.#ttlS,
      data: { kind: "name", name },
    }));
    return this.#respond(query, records);
  }

  #addresses(key: string, family: "v4" | "v6"): Uint8Array[] {
    return distinct([...this.#file.map.addresses(key, family), ...this.#inline.addresses(key, family)]);
  }

  #respond(query: Query, records: readonly ResourceRecord[]): Answer {
    const answers = records.slice(0, ANSWERS_MAX);
    return { wire: respond(query.wire, query.view, RCODE_NOERROR, answers, { authoritative: true }), plugin: "hosts" };
  }
}

function isInside(wire: Uint8Array, zones: readonly Uint8Array[]): boolean {
  return zones.some((zone) => isBelow(wire, 12, zone));
}

/** Each once, in order: the same record twice is no RRset (RFC 2181 §5). */
function distinct(all: readonly Uint8Array[]): Uint8Array[] {
  if (all.length < 2) return [...all];
  return [...new Map(all.map((bytes) => [Buffer.from(bytes).toString("latin1"), bytes])).values()];
}
