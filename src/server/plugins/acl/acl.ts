/** `acl`: who may ask what, by the address that a query comes from. */
import { EDE_BLOCKED, EDE_FILTERED } from "../../../dns/edns.ts";
import { HEADER_BYTES } from "../../../dns/header.ts";
import { isBelow } from "../../../dns/name.ts";
import { RCODE_NOERROR, RCODE_REFUSED } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import { emptyResponse } from "../../chain/failure.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import { pluginOrder } from "../../chain/plugin-order.ts";
import type { Query } from "../../chain/query.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import { type Action, type Policy, readRule, type Rule } from "./policies.ts";

export const acl: Plugin = {
  directive: "acl",
  repeatable: true,
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const rules = directives.map((directive) => readRule(directive, context.zones));
    const order = pluginOrder(context.compat);
    // Cached answers are for those who may ask.
    if (order.indexOf("acl") < order.indexOf("cache")) context.seeEveryQuery();
    return { handler: (next) => new Acl(next, rules, context) };
  },
};

class Acl implements Handler {
  readonly #next: Handler;
  readonly #rules: readonly Rule[];
  readonly #context: Pick<SetupContext, "view">;
  readonly #metrics: Metrics;

  constructor(next: Handler, rules: readonly Rule[], context: SetupContext) {
    this.#next = next;
    this.#rules = rules;
    this.#context = context;
    this.#metrics = context.metrics;
  }

  serve(query: Query): Promise<Answer> {
    const { view } = this.#context;
    const server = query.server.label;
    const { action, zone } = this.#judge(query);
    switch (action) {
      case "allow":
        this.#metrics.counter("coredns_acl_allowed_requests_total").with(server, view).add();
        return this.#next.serve(query);
      case "drop":
        this.#metrics.counter("coredns_acl_dropped_requests_total").with(server, zone, view).add();
        return Promise.resolve({ wire: emptyResponse(query, RCODE_REFUSED), plugin: "acl", dropped: true });
      case "block":
        this.#metrics.counter("coredns_acl_blocked_requests_total").with(server, zone, view).add();
        return Promise.resolve(answerOf(query, RCODE_REFUSED, EDE_BLOCKED));
      case "filter":
        this.#metrics.counter("coredns_acl_filtered_requests_total").with(server, zone, view).add();
        return Promise.resolve(answerOf(query, RCODE_NOERROR, EDE_FILTERED));
    }
  }

  /** The first policy that fits, of the first directive that has one; without any, the query is allowed. */
  #judge(query: Query): { readonly action: Action; readonly zone: string } {
    for (const { zones, policies } of this.#rules) {
      const zone = longestZone(zones, query.wire);
      if (zone === undefined) continue;
      const policy = policies.find((one) => fits(one, query));
      if (policy !== undefined) return { action: policy.action, zone };
    }
    return { action: "allow", zone: "" };
  }
}

function fits(policy: Policy, query: Query): boolean {
  if (policy.types !== undefined && !policy.types.has(query.view.qtype)) return false;
  if (policy.sources === undefined) return true;
  // A scope says at which of our interfaces the client is, and a network has none.
  const [address = ""] = query.client.address.split("%", 1);
  return policy.sources.has(address);
}

function longestZone(zones: Rule["zones"], wire: Uint8Array): string | undefined {
  let found: Rule["zones"][number] | undefined;
  for (const zone of zones) {
    if (isBelow(wire, HEADER_BYTES, zone.wire) && zone.wire.length > (found?.wire.length ?? 0)) found = zone;
  }
  return found?.text;
}

function answerOf(query: Query, rcode: number, code: number): Answer {
  return { wire: emptyResponse(query, rcode), plugin: "acl", extendedError: { code, text: "" } };
}
