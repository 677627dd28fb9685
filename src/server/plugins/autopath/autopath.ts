/**
 * `autopath`: follows the search path for the client.
 *
 * A client with a search list asks for `name.first-domain`, then `name.second-domain` …, and in the end for `name`. Who
 * knows the list can do that in its place, and answer the first question with what was found in the end, led to by a
 * CNAME.
 */
import { resolve } from "node:path";
import { ConfigError } from "../../../base/errors.ts";
import { FLAGS_AT, RCODE_MASK, readU16 } from "../../../dns/header.ts";
import { decodeMessage, encodeMessage } from "../../../dns/message.ts";
import { MessageError } from "../../../dns/message-error.ts";
import { isBelow, NAME_MAX_BYTES } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { ResourceRecord } from "../../../dns/records/record.ts";
import { CLASS_IN, RCODE_NXDOMAIN, TYPE_CNAME } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import { emptyResponse, serverFailure } from "../../chain/failure.ts";
import type { Handler } from "../../chain/handler.ts";
import { withQuestion } from "../../chain/other-question.ts";
import type { Directive, Plugin, PluginInstance, SetupContext, Token } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { readSearchList } from "../../chain/search-list.ts";
import { expectArgs, expectNoProperties, once, zonesOr } from "../../corefile/arguments.ts";
import type { Counter } from "../../metrics/event-families.ts";

const ROOT = new Uint8Array(1);

export const autopath: Plugin = {
  directive: "autopath",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const directive = once(directives);
    const words = expectArgs(directive, 0, Number.POSITIVE_INFINITY);
    expectNoProperties(directive);
    const last = words.at(-1);
    if (last === undefined) throw new ConfigError(directive.name.position, "no resolv-conf specified");
    const zones = zonesOr(words.slice(0, -1), context.zones).map((zone) => nameFromText(zone));
    const successes = context.metrics.counter("coredns_autopath_success_total");
    const link = (searchOf: SearchOf) => (next: Handler) => new Autopath(next, zones, searchOf, successes);
    if (last.text.startsWith("@")) return pluginAutopath(last, context, link);
    const search = readSearchList(resolve(context.root, last.text), last);
    if (search.length === 0) return {};
    // In the order of 1.12 it stands below the cache, which then holds what was found.
    if (context.compat !== "1.12") context.seeDenials();
    const origin = context.compat === "1.12" ? Buffer.concat(search).toString("latin1") : "";
    return { origin, handler: link(() => search) };
  },
};

/** The search list of a query's client: domains without the root; undefined for a client of which it is not known. */
type SearchOf = (query: Query) => readonly Uint8Array[] | undefined;

/** `autopath @kubernetes`: another plugin of the block knows who asks. */
function pluginAutopath(
  word: Token,
  context: SetupContext,
  link: (searchOf: SearchOf) => (next: Handler) => Handler,
): PluginInstance {
  context.seeDenials();
  let teller: PluginInstance | undefined;
  const make = link((query) => teller?.searchPath?.(query));
  const start = async (): Promise<void> => {
    // By now all plugins of the block are set up.
    const name = word.text.slice(1);
    teller = context.sibling(name);
    if (teller?.searchPath !== undefined) return;
    const fact = `autopath @${name} needs the ${name} plugin in its server block to tell the search path of a client`;
    throw new ConfigError(word.position, fact);
  };
  // What is found depends on the client: no cache that others use too may hold it.
  return context.compat === "1.12" ? { aboveCache: make, start } : { handler: make, start };
}

class Autopath implements Handler {
  readonly #next: Handler;
  readonly #zones: readonly Uint8Array[];
  readonly #searchOf: SearchOf;
  readonly #successes: Counter<[string]>;

  constructor(next: Handler, zones: readonly Uint8Array[], searchOf: SearchOf, successes: Counter<[string]>) {
    this.#next = next;
    this.#zones = zones;
    this.#searchOf = searchOf;
    this.#successes = successes;
  }

  serve(query: Query): Promise<Answer> {
    const { wire, view } = query;
    if (!this.#zones.some((zone) => isBelow(wire, 12, zone))) return this.#next.serve(query);
    const [first, ...others] = this.#searchOf(query) ?? [];
    // The domain itself has no name in front of it that could be looked for elsewhere.
    if (first === undefined || first.length === 1 || view.nameLength <= first.length || !isBelow(wire, 12, first)) {
      return this.#next.serve(query);
    }
    return this.#follow(query, first, others);
  }

  async #follow(query: Query, first: Uint8Array, others: readonly Uint8Array[]): Promise<Answer> {
    const original = await this.#next.serve(query);
    if (isFinal(original)) return this.#counted(query, original);
    const labels = query.wire.slice(12, 12 + query.view.nameLength - first.length);
    for (const domain of [...others, ROOT]) {
      if (labels.length + domain.length > NAME_MAX_BYTES) continue;
      const name = new Uint8Array(labels.length + domain.length);
      name.set(labels);
      name.set(domain, labels.length);
      const answer = await this.#next.serve(withQuestion(query, name, query.view.qtype));
      if (isFinal(answer)) return this.#counted(query, ledTo(query, name, answer));
    }
    // The client goes on with its list; that is what would have happened without us.
    return original;
  }

  #counted(query: Query, answer: Answer): Answer {
    if (answer.error === undefined && answer.dropped !== true) this.#successes.with(query.server.label).add();
    return answer;
  }
}

/** Anything but NXDOMAIN, and but the end of a chain that nobody answered in. */
function isFinal(answer: Answer): boolean {
  if (answer.error !== undefined || answer.dropped === true) return true;
  return answer.plugin !== "" && rcodeOf(answer) !== RCODE_NXDOMAIN;
}

/** An answer about `name` as one about the client's question. */
function ledTo(query: Query, name: Uint8Array, answer: Answer): Answer {
  if (answer.dropped === true) return answer;
  if (answer.error !== undefined) return { ...answer, wire: emptyResponse(query, rcodeOf(answer)) };
  const asked = query.wire.slice(12, 12 + query.view.nameLength);
  try {
    const message = decodeMessage(answer.wire);
    const question = message.question.map((one) => ({ ...one, name: asked }));
    const [first] = message.answers;
    const alias: ResourceRecord[] =
      first === undefined
        ? []
        : [{ name: asked, type: TYPE_CNAME, class: CLASS_IN, ttl: first.ttl, data: { kind: "name", name } }];
    const wire = encodeMessage({ ...message, question, answers: [...alias, ...message.answers] });
    return { ...answer, wire, plugin: "autopath" };
  } catch (error) {
    // One record more than the largest of messages can take.
    if (error instanceof MessageError) return serverFailure(query, "autopath", error);
    throw error;
  }
}

function rcodeOf(answer: Answer): number {
  return readU16(answer.wire, FLAGS_AT) & RCODE_MASK;
}
