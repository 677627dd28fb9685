/** `rewrite`: other plugins see another question, and clients an answer to their own. */
import { NodensError } from "../../../base/errors.ts";
import { decodeMessage } from "../../../dns/message.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { Answer } from "../../chain/answer.ts";
import { serverFailure } from "../../chain/failure.ts";
import type { Handler } from "../../chain/handler.ts";
import { lookUp } from "../../chain/look-up.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import { pluginOrder } from "../../chain/plugin-order.ts";
import type { Query } from "../../chain/query.ts";
import { Draft } from "./draft.ts";
import { isEdns0Rule, readRule, wordsOf } from "./read-rule.ts";
import { type LookUp, rewriteAnswer } from "./rewritten-answer.ts";
import type { ResponseRule, Rule } from "./rule.ts";

export const rewrite: Plugin = {
  directive: "rewrite",
  repeatable: true,
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const rules = directives.map((directive) => readRule(directive));
    const order = pluginOrder(context.compat);
    if (order.indexOf("rewrite") < order.indexOf("cache")) context.seeEveryQuery();
    const fromClasses = new Set(rules.map((rule) => rule.fromClass));
    return {
      origin: originOf(directives),
      answersClass: (_, view) => fromClasses.has(view.qclass),
      handler: (next) => new Rewrite(next, rules, context),
    };
  },
};

/** Options for the upstream decide what it answers, and the cache below knows nothing of them. */
function originOf(directives: readonly Directive[]): string {
  if (!directives.some((directive) => isEdns0Rule(directive))) return "";
  return JSON.stringify(directives.map((directive) => wordsOf(directive).map(({ text }) => text)));
}

class Rewrite implements Handler {
  readonly #next: Handler;
  readonly #rules: readonly Rule[];
  readonly #context: Pick<SetupContext, "ask">;

  constructor(next: Handler, rules: readonly Rule[], context: SetupContext) {
    this.#next = next;
    this.#rules = rules;
    this.#context = context;
  }

  async serve(query: Query): Promise<Answer> {
    const draft = new Draft(query);
    const answerRules = this.#applyRules(draft);
    let asked: Query;
    try {
      asked = draft.question();
    } catch (cause) {
      if (!(cause instanceof NodensError)) throw cause;
      const error = new Error(`invalid name after rewrite: ${draft.spelledName}`, { cause });
      return serverFailure(query, "rewrite", error);
    }
    const answer = await this.#next.serve(asked);
    try {
      return await rewriteAnswer(query, asked, answer, answerRules, this.#lookUpFor(asked));
    } catch (cause) {
      if (!(cause instanceof NodensError)) throw cause;
      return serverFailure(query, "rewrite", new Error(`answer cannot be rewritten: ${cause.message}`, { cause }));
    }
  }

  #applyRules(draft: Draft): ResponseRule[] {
    const answerRules: ResponseRule[] = [];
    for (const rule of this.#rules) {
      const more = rule.apply(draft);
      if (more === undefined) continue;
      answerRules.push(...more);
      if (rule.stop) break;
    }
    return answerRules;
  }

  #lookUpFor(asked: Query): LookUp {
    return async (target) => {
      const answer = await lookUp(this.#context, asked, nameFromText(target), asked.view.qtype);
      return answer === undefined ? undefined : decodeMessage(answer.wire);
    };
  }
}
