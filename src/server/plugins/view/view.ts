/**
 * `view`: a server block takes only queries for which its expressions are true.
 *
 * Blocks may then share a zone at one address: the first in the file that takes the query answers it; if none does, the
 * next zone above is asked. So the fast path, which knows names only, leaves such zones alone.
 */
import { ConfigError, type Position } from "../../../base/errors.ts";
import type { Directive, Plugin, PluginInstance, SetupContext, Token } from "../../chain/plugin.ts";
import { expectArg, expectArgs, once, properties, unknownProperty, type Property } from "../../corefile/arguments.ts";
import { compileCondition, type Condition } from "../../chain/expression/expression.ts";
import { ExpressionError } from "../../chain/expression/words.ts";

export const view: Plugin = {
  directive: "view",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const directive = once(directives);
    const name = expectArg({ name: directive.name, args: directive.args }).text;
    const conditions = properties(directive).map(readCondition);
    context.view = name;
    context.seeEveryQuery();
    return {
      accepts: (query) => conditions.every((condition) => condition(query)),
      metadata: (_query, into) => into.set("view/name", name),
    };
  },
};

/** `expr EXPRESSION`: its words, put together again with one space between. */
function readCondition(property: Property): Condition {
  if (property.name.text !== "expr") unknownProperty(property);
  const words = expectArgs(property, 1, Number.POSITIVE_INFINITY);
  try {
    return compileCondition(words.map(({ text }) => text).join(" "));
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new ConfigError(positionOf(words, error.at), error.message);
  }
}

/** Where the character at an offset of the joined words stands in the file. */
function positionOf(words: readonly Token[], offset: number): Position {
  let left = offset;
  for (const { text, position, quoted } of words) {
    if (left <= text.length) return { ...position, column: position.column + left + (quoted ? 1 : 0) };
    left -= text.length + 1;
  }
  const [first] = words;
  if (first === undefined) throw new Error("an expression without words");
  return first.position;
}
