/** `loadbalance`: which address of several a client sees first. It stands above the cache, so hits are ordered anew too. */
import { isAbsolute, join } from "node:path";
import { ConfigError } from "../../../base/errors.ts";
import { FLAGS_AT, RCODE_MASK, readU16 } from "../../../dns/header.ts";
import { ResponseScan, scanResponse } from "../../../dns/response-scan.ts";
import { RCODE_NOERROR, TYPE_A, TYPE_AAAA, TYPE_SRV } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext, Token } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArgs, once, properties, type Property, unknownProperty } from "../../corefile/arguments.ts";
import { readDuration } from "../../corefile/duration.ts";
import { type Policy, preferring, roundRobin, weighted } from "./policy.ts";
import { type Subnet, subnetOf } from "./section-order.ts";
import { WeightFile } from "./weight-file.ts";

const DEFAULT_RELOAD_MS = 30_000;
/** Types whose answers have addresses that weights are for. */
const WEIGHTED_TYPES: ReadonlySet<number> = new Set([TYPE_A, TYPE_AAAA, TYPE_SRV]);

export const loadbalance: Plugin = {
  directive: "loadbalance",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const directive = once(directives);
    const [policy, ...args] = expectArgs(directive, 0, Number.POSITIVE_INFINITY);
    context.seeEveryQuery();
    if (policy === undefined || policy.text === "round_robin") {
      const [extra] = args;
      if (extra !== undefined) throw new ConfigError(extra.position, "unknown property for round_robin");
      const subnets = properties(directive).flatMap(readPrefer);
      const shuffle = roundRobin(Math.random);
      const order = subnets.length === 0 ? shuffle : preferring(subnets, shuffle);
      return { handler: (next) => new LoadBalance(next, order, undefined) };
    }
    if (policy.text !== "weighted") throw new ConfigError(policy.position, `unknown policy: ${policy.text}`);
    return setUpWeighted(directive, policy, args, context);
  },
};

/** `prefer CIDR…` */
function readPrefer(property: Property): Subnet[] {
  if (property.name.text !== "prefer") unknownProperty(property);
  return property.args.map((token) => {
    const subnet = subnetOf(token.text);
    if (subnet === undefined) {
      throw new ConfigError(token.position, `invalid CIDR "${token.text}": invalid CIDR address: ${token.text}`);
    }
    return subnet;
  });
}

function setUpWeighted(
  directive: Directive,
  policy: Token,
  [name, extra]: readonly Token[],
  context: SetupContext,
): PluginInstance {
  if (name === undefined) throw new ConfigError(policy.position, "missing weight file argument");
  if (extra !== undefined) throw new ConfigError(extra.position, "unexpected argument(s)");
  const reloadMs = properties(directive).reduce((_, property) => readReload(property), DEFAULT_RELOAD_MS);
  const path = isAbsolute(name.text) ? name.text : join(context.root, name.text);
  const file = new WeightFile(path, reloadMs, context.log.plugin("loadbalance"));
  const order = weighted(() => file.weights, Math.random);
  return {
    handler: (next) => new LoadBalance(next, order, WEIGHTED_TYPES),
    start: async () => {
      const wrong = file.start();
      if (wrong !== undefined) throw new ConfigError(name.position, `plugin/loadbalance: ${wrong}`);
    },
    stop: async () => file.stop(),
  };
}

/** `reload DURATION` @returns milliseconds */
function readReload(property: Property): number {
  if (property.name.text !== "reload") unknownProperty(property);
  const [duration, extra] = property.args;
  if (duration === undefined) throw new ConfigError(property.name.position, "reload duration value is missing");
  if (extra !== undefined) throw new ConfigError(extra.position, "unexpected argument");
  const ms = readDuration(duration.text);
  if (typeof ms === "string" || ms < 0) {
    throw new ConfigError(duration.position, `invalid reload duration '${duration.text}'`);
  }
  return ms;
}

class LoadBalance implements Handler {
  readonly #next: Handler;
  readonly #order: Policy;
  /** undefined: all. */
  readonly #types: ReadonlySet<number> | undefined;
  readonly #scan: ResponseScan;

  constructor(next: Handler, order: Policy, types: ReadonlySet<number> | undefined) {
    this.#next = next;
    this.#order = order;
    this.#types = types;
    this.#scan = new ResponseScan();
  }

  async serve(query: Query): Promise<Answer> {
    const answer = await this.#next.serve(query);
    const { wire } = answer;
    if (answer.dropped === true || (readU16(wire, FLAGS_AT) & RCODE_MASK) !== RCODE_NOERROR) return answer;
    if (this.#types?.has(query.view.qtype) === false) return answer;
    if (scanResponse(wire, 0, wire.length, this.#scan) !== 0) return answer;
    return { ...answer, wire: this.#order(wire, this.#scan.questionEnd) };
  }
}
