/** `header`: flags of queries and of replies as the operator wants them. */
import { ConfigError } from "../../../base/errors.ts";
import { FLAG_AA, FLAG_RA, FLAG_RD, FLAGS_AT, writeU16 } from "../../../dns/header.ts";
import type { Answer, FlagOverride } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import { Query } from "../../chain/query.ts";
import { expectArgs, once, properties, type Property } from "../../corefile/arguments.ts";

const FLAGS: ReadonlyMap<string, number> = new Map([
  ["aa", FLAG_AA],
  ["ra", FLAG_RA],
  ["rd", FLAG_RD],
]);

export const header: Plugin = {
  directive: "header",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const { query, response } = readRules(once(directives));
    const onlyUsual = response.mask === 0 || (response.mask === FLAG_RA && response.value === FLAG_RA);
    // Every reply of ours has RA; the fast path knows of no other wishes.
    if (!onlyUsual) context.seeEveryQuery();
    return {
      ...(query.mask === 0 ? {} : { handler: (next: Handler) => new QueryFlags(next, query) }),
      ...(onlyUsual ? {} : { aboveCache: (next: Handler) => new ReplyFlags(next, response) }),
    };
  },
};

interface Rules {
  readonly query: FlagOverride;
  readonly response: FlagOverride;
}

/** The last rule for a flag counts. */
function readRules(directive: Directive): Rules {
  expectArgs(directive, 0);
  const lines = properties(directive);
  // A directive that changes nothing is a mistake, as in CoreDNS.
  if (lines.length === 0) expectArgs(directive, 1);
  const rules = { query: { mask: 0, value: 0 }, response: { mask: 0, value: 0 } };
  for (const line of lines) {
    const selector = line.name.text.toLowerCase();
    if (selector !== "query" && selector !== "response") {
      const fact = `setting up rule: invalid selector=${selector} should be query or response`;
      throw new ConfigError(line.name.position, fact);
    }
    const { mask, value } = readRule(line);
    const before = rules[selector];
    rules[selector] = { mask: before.mask | mask, value: (before.value & ~mask) | value };
  }
  return rules;
}

/** `query|response set|clear FLAG…` */
function readRule({ name, args }: Property): FlagOverride {
  const [action, ...flags] = args;
  if (action === undefined) throw new ConfigError(name.position, "setting up rule: no flag action provided");
  if (flags.length === 0) {
    const fact = "setting up rule: invalid length for flags, at least one should be provided";
    throw new ConfigError(action.position, fact);
  }
  const verb = action.text.toLowerCase();
  if (verb !== "set" && verb !== "clear") {
    const fact = `setting up rule: unknown flag action=${verb}, should be set or clear`;
    throw new ConfigError(action.position, fact);
  }
  let mask = 0;
  for (const { text, position } of flags) {
    const flag = FLAGS.get(text.toLowerCase());
    if (flag === undefined) {
      throw new ConfigError(position, `setting up rule: unknown/unsupported flag=${text.toLowerCase()}`);
    }
    mask |= flag;
  }
  return { mask, value: verb === "set" ? mask : 0 };
}

/** What plugins below see, and upstreams. */
class QueryFlags implements Handler {
  readonly #next: Handler;
  readonly #flags: FlagOverride;

  constructor(next: Handler, flags: FlagOverride) {
    this.#next = next;
    this.#flags = flags;
  }

  serve(query: Query): Promise<Answer> {
    const { mask, value } = this.#flags;
    const flags = (query.view.flags & ~mask) | value;
    if (flags === query.view.flags) return this.#next.serve(query);
    const wire = query.wire.slice();
    const view = query.view.clone();
    view.flags = flags;
    writeU16(wire, FLAGS_AT, flags);
    return this.#next.serve(Query.again(query, wire, view, query.receivedAtMs));
  }
}

/** What clients see. */
class ReplyFlags implements Handler {
  readonly #next: Handler;
  readonly #flags: FlagOverride;

  constructor(next: Handler, flags: FlagOverride) {
    this.#next = next;
    this.#flags = flags;
  }

  async serve(query: Query): Promise<Answer> {
    return { ...(await this.#next.serve(query)), flags: this.#flags };
  }
}
