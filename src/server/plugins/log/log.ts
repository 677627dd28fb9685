/** `log`: a line for each query. It must see the hits of the cache too, so its server block leaves the fast path. */
import { ConfigError } from "../../../base/errors.ts";
import { isBelow } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext, Token } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArgs, parseZones, properties, unknownProperty } from "../../corefile/arguments.ts";
import { COMMON_FORMAT, type LineFormat, lineFormat } from "./format.ts";
import { type ResponseClass, responseClass, responseType } from "./response-type.ts";

export const log: Plugin = {
  directive: "log",
  repeatable: true,
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const rules = directives.flatMap(readRules);
    context.seeEveryQuery();
    return { handler: (next) => new Logger(next, rules, context) };
  },
};

interface Rule {
  /** Wire form. Names at or below it are logged. */
  readonly scope: Uint8Array;
  readonly format: LineFormat;
  /** undefined: every class. */
  readonly classes: ReadonlySet<ResponseClass> | undefined;
}

/** `log [NAMES…] [FORMAT] { class … }` */
function readRules(directive: Directive): Rule[] {
  const last = directive.args.at(-1);
  const hasFormat = last !== undefined && last.text.includes("{");
  const names = hasFormat ? directive.args.slice(0, -1) : directive.args;
  const format = lineFormat(hasFormat ? last.text : COMMON_FORMAT);
  const classes = readClasses(directive);
  const scopes = names.length === 0 ? ["."] : parseZones(names);
  return scopes.map((scope) => ({ scope: nameFromText(scope), format, classes }));
}

/** @returns undefined for all: none is named, or `all` among others */
function readClasses(directive: Directive): Set<ResponseClass> | undefined {
  const tokens = properties(directive).flatMap((property) => {
    if (property.name.text !== "class") unknownProperty(property);
    return expectArgs(property, 1, Number.POSITIVE_INFINITY);
  });
  const names = tokens.map(readClass);
  const classes = new Set(names.filter((name) => name !== "all"));
  return names.length === 0 || names.includes("all") ? undefined : classes;
}

function readClass(token: Token): ResponseClass | "all" {
  const { text } = token;
  if (text === "all" || text === "success" || text === "denial" || text === "error") return text;
  throw new ConfigError(token.position, `invalid Class: ${text}`);
}

class Logger implements Handler {
  readonly #next: Handler;
  readonly #rules: readonly Rule[];
  readonly #context: SetupContext;

  constructor(next: Handler, rules: readonly Rule[], context: SetupContext) {
    this.#next = next;
    this.#rules = rules;
    this.#context = context;
  }

  async serve(query: Query): Promise<Answer> {
    const answer = await this.#next.serve(query);
    const rule = this.#rules.find(({ scope }) => isBelow(query.wire, 12, scope));
    if (rule === undefined) return answer;
    const { clock } = this.#context;
    const type = responseType(query, answer, Math.floor(clock.wallMs() / 1000));
    const kind = responseClass(type);
    if (rule.classes === undefined || rule.classes.has(kind)) {
      const durationMs = clock.monotonicMs() - query.receivedAtMs;
      this.#context.log.info(rule.format({ query, answer, type, class: kind, durationMs }));
    }
    return answer;
  }
}
