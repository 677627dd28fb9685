/**
 * Expressions about a query: a part of the expr language (expr-lang.org) that CoreDNS uses.
 *
 *   ternary    or ? ternary : ternary
 *   or         and { ("||" | "or") and }
 *   and        compare { ("&&" | "and") compare }
 *   compare    sum { operator sum }     == != < <= > >= in matches contains startsWith endsWith, `not` before words
 *   sum        product { ("+" | "-") product }
 *   product    unary { ("*" | "%") unary }
 *   unary      ("!" | "not" | "-") unary | primary { "[" ternary "]" }
 *   primary    string | number | true | false | name(…) | variable | # | [ … ] | ( … )
 *
 * Types are checked when it is read, so that most mistakes are found at the start. `not` binds tighter than a
 * comparison, as in expr: `not (a == b)` needs its parentheses.
 */
import type { Query } from "../query.ts";
import { ExpressionFailure, FUNCTIONS, type Subject, type Value, type ValueType } from "./functions.ts";
import { constant, need, needOne, type Node } from "./node.ts";
import { combine } from "./operators.ts";
import { ExpressionError, type Word, wordsOf } from "./words.ts";

/** Deepest nesting: the parser calls itself. */
const DEPTH_MAX = 100;

/** An expression that has been read. */
export interface Expression {
  readonly type: ValueType;
  /** Type of a list's elements, where it is known. */
  readonly of?: ValueType | undefined;
  /** @throws ExpressionFailure */
  readonly run: (subject: Subject) => Value;
}

/** What an expression may name besides the functions. */
export interface Scope {
  /** In the order of `Subject.variables`. */
  readonly variables: readonly {
    readonly name: string;
    readonly type: ValueType;
    readonly of?: ValueType | undefined;
  }[];
  /** `group(…)`. */
  readonly groups: boolean;
}

const NO_SCOPE: Scope = { variables: [], groups: false };

export type Condition = (query: Query) => boolean;

/**
 * A condition on its own. It is false where it cannot be evaluated.
 *
 * @throws ExpressionError when it is no expression, or none that is true or false
 */
export function compileCondition(text: string): Condition {
  const expression = compileExpression(text, NO_SCOPE);
  needCondition(expression);
  return (query) => {
    try {
      return expression.run({ query, group: () => "", variables: [], elements: [] }) === true;
    } catch (error) {
      if (error instanceof ExpressionFailure) return false;
      throw error;
    }
  };
}

/** @throws ExpressionError when it is not true or false */
export function needCondition({ type }: Expression): void {
  if (type !== "bool") throw new ExpressionError(`this is of type ${type}, not a condition`, 0);
}

/** @throws ExpressionError */
export function compileExpression(text: string, scope: Scope): Expression {
  return new Parser(wordsOf(text), scope).whole();
}

/** Functions that go through a list; `#` is the element. What each gives is in `gone`. */
const PREDICATES: ReadonlySet<string> = new Set(["all", "any", "none", "one", "count", "filter", "map"]);

/** Words of the language, and functions that it has and we do not: no names for variables. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    "true false nil let if else in not and or matches contains startsWith endsWith group type abs bitand bitnand " +
    "bitnot bitor bitshl bitshr bitushr bitxor ceil concat date duration find findIndex findLast findLastIndex first " +
    "flatten floor fromBase64 fromJSON fromPairs get groupBy indexOf keys last lastIndexOf max mean median min now " +
    "reduce repeat reverse round sort sortBy splitAfter sum take timezone toBase64 toJSON toPairs uniq values float"
  ).split(" "),
);

export function isReserved(name: string): boolean {
  return RESERVED.has(name) || PREDICATES.has(name) || FUNCTIONS.has(name);
}

const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
const WORD_OPERATORS: ReadonlySet<string> = new Set(["in", "matches", "contains", "startsWith", "endsWith"]);

class Parser {
  readonly #words: readonly Word[];
  readonly #scope: Scope;
  /** Types of `#` in the predicates around. */
  readonly #elements: ValueType[];
  #at: number;
  #depth: number;

  constructor(words: readonly Word[], scope: Scope) {
    this.#words = words;
    this.#scope = scope;
    this.#elements = [];
    this.#at = 0;
    this.#depth = 0;
  }

  whole(): Node {
    const node = this.#ternary();
    const word = this.#word;
    if (word.kind !== "end") throw new ExpressionError(`unexpected '${word.text}'`, word.at);
    return node;
  }

  get #word(): Word {
    return this.#words[this.#at] ?? { kind: "end", text: "the end", at: 0 };
  }

  /** Takes the next word when it is one of these operators. */
  #take(...texts: readonly string[]): Word | undefined {
    const word = this.#word;
    if ((word.kind !== "operator" && word.kind !== "name") || !texts.includes(word.text)) return undefined;
    this.#at++;
    return word;
  }

  #expect(text: string): void {
    const word = this.#word;
    if (this.#take(text) === undefined) throw new ExpressionError(`expected '${text}' before '${word.text}'`, word.at);
  }

  #ternary(): Node {
    if (++this.#depth > DEPTH_MAX) throw new ExpressionError("too deep", this.#word.at);
    const condition = this.#or();
    const mark = this.#take("?");
    if (mark === undefined) {
      this.#depth--;
      return condition;
    }
    need(condition, "bool", mark);
    const yes = this.#ternary();
    this.#expect(":");
    const no = this.#ternary();
    this.#depth--;
    need(no, yes.type, mark);
    return { type: yes.type, of: yes.of, run: (subject) => (condition.run(subject) === true ? yes : no).run(subject) };
  }

  #or(): Node {
    let left = this.#and();
    for (let word = this.#take("||", "or"); word !== undefined; word = this.#take("||", "or")) {
      const [a, b] = [need(left, "bool", word), need(this.#and(), "bool", word)];
      left = { type: "bool", run: (subject) => a.run(subject) === true || b.run(subject) === true };
    }
    return left;
  }

  #and(): Node {
    let left = this.#compare();
    for (let word = this.#take("&&", "and"); word !== undefined; word = this.#take("&&", "and")) {
      const [a, b] = [need(left, "bool", word), need(this.#compare(), "bool", word)];
      left = { type: "bool", run: (subject) => a.run(subject) === true && b.run(subject) === true };
    }
    return left;
  }

  #compare(): Node {
    let left = this.#sum();
    for (;;) {
      const word = this.#word;
      const negated = this.#take("not") !== undefined;
      const operator = this.#take(...WORD_OPERATORS, ...(negated ? [] : COMPARISONS));
      if (operator === undefined) {
        if (negated) throw new ExpressionError("expected 'in' or another operator after 'not'", word.at);
        return left;
      }
      const made = combine(operator, left, this.#sum());
      left = negated ? { type: "bool", run: (subject) => made.run(subject) !== true } : made;
    }
  }

  #sum(): Node {
    let left = this.#product();
    for (let word = this.#take("+", "-"); word !== undefined; word = this.#take("+", "-")) {
      const a = left;
      const b = need(this.#product(), a.type, word);
      if (a.type === "string" && word.text === "+") {
        left = { type: "string", run: (subject) => `${String(a.run(subject))}${String(b.run(subject))}` };
      } else {
        need(a, "int", word);
        const sign = word.text === "+" ? 1 : -1;
        left = { type: "int", run: (subject) => Number(a.run(subject)) + sign * Number(b.run(subject)) };
      }
    }
    return left;
  }

  #product(): Node {
    let left = this.#unary();
    for (let word = this.#take("*", "%"); word !== undefined; word = this.#take("*", "%")) {
      const [a, b] = [need(left, "int", word), need(this.#unary(), "int", word)];
      const times = word.text === "*";
      left = {
        type: "int",
        run: (subject) => {
          const [x, y] = [Number(a.run(subject)), Number(b.run(subject))];
          if (!times && y === 0) throw new ExpressionFailure("integer divide by zero");
          return times ? x * y : x % y;
        },
      };
    }
    return left;
  }

  #unary(): Node {
    if (++this.#depth > DEPTH_MAX) throw new ExpressionError("too deep", this.#word.at);
    const word = this.#take("!", "not", "-");
    const node = word === undefined ? this.#element(this.#primary()) : this.#unary();
    this.#depth--;
    if (word === undefined) return node;
    if (word.text === "-") {
      need(node, "int", word);
      return { type: "int", run: (subject) => -Number(node.run(subject)) };
    }
    need(node, "bool", word);
    return { type: "bool", run: (subject) => node.run(subject) !== true };
  }

  #primary(): Node {
    const word = this.#word;
    this.#at++;
    if (word.kind === "string") return constant("string", word.text);
    if (word.kind === "number") return constant("int", word.value);
    if (word.kind === "name") {
      if (word.text === "true" || word.text === "false") return constant("bool", word.text === "true");
      return this.#named(word);
    }
    if (word.text === "#") {
      const depth = this.#elements.length - 1;
      const type = this.#elements[depth];
      if (type === undefined) throw new ExpressionError("# stands in a predicate only", word.at);
      return { type, run: (subject) => subject.elements[depth] ?? "" };
    }
    if (word.text === "(" && word.kind === "operator") {
      const node = this.#ternary();
      this.#expect(")");
      return node;
    }
    if (word.text === "[" && word.kind === "operator") return list(this.#items("]"));
    throw new ExpressionError(`unexpected '${word.text}'`, word.at);
  }

  /** `list[0]`, from the end when negative. */
  #element(node: Node): Node {
    let of = node;
    for (let word = this.#take("["); word !== undefined; word = this.#take("[")) {
      const [values, index] = [need(of, "list", word), need(this.#ternary(), "int", word)];
      this.#expect("]");
      if (values.of === undefined) throw new ExpressionError("the elements of this list are of no one type", word.at);
      const run = (subject: Subject): Value => {
        const all = values.run(subject);
        const at = Number(index.run(subject));
        const value = elementsOf(all).at(at);
        if (value === undefined) throw new ExpressionFailure(`index out of range: ${at}`);
        return value;
      };
      of = { type: values.of, run };
    }
    return of;
  }

  #named(name: Word): Node {
    if (PREDICATES.has(name.text)) return this.#predicate(name);
    if (name.text === "group" && this.#scope.groups) return this.#group(name);
    const index = this.#scope.variables.findIndex((variable) => variable.name === name.text);
    const variable = this.#scope.variables[index];
    if (variable === undefined) return this.#call(name);
    return { type: variable.type, of: variable.of, run: (subject) => subject.variables[index] ?? "" };
  }

  #group(name: Word): Node {
    this.#expect("(");
    const [key, extra] = this.#items(")");
    if (key === undefined || extra !== undefined) throw new ExpressionError("group takes 1 argument", name.at);
    if (key.type !== "int") need(key, "string", name);
    return {
      type: "string",
      run: (subject) => {
        const value = key.run(subject);
        return subject.group(typeof value === "number" ? value : String(value));
      },
    };
  }

  /** `any(list, # > 1)`; the predicate may stand in braces. */
  #predicate(name: Word): Node {
    this.#expect("(");
    const over = need(this.#ternary(), "list", name);
    this.#expect(",");
    if (over.of === undefined) throw new ExpressionError("the elements of this list are of no one type", name.at);
    const depth = this.#elements.push(over.of) - 1;
    const braced = this.#take("{") !== undefined;
    const body = this.#ternary();
    if (braced) this.#expect("}");
    this.#elements.pop();
    this.#expect(")");
    if (name.text !== "map") need(body, "bool", name);
    const listed = name.text === "map" ? body.type : name.text === "filter" ? over.of : undefined;
    const type = listed === undefined ? (name.text === "count" ? "int" : "bool") : "list";
    const run = (subject: Subject): Value => {
      const values = over.run(subject);
      const results = elementsOf(values).map((value): [Value, Value] => {
        subject.elements[depth] = value;
        return [value, body.run(subject)];
      });
      return gone(name.text, results);
    };
    return { type, of: listed, run };
  }

  #call(name: Word): Node {
    const spec = FUNCTIONS.get(name.text);
    if (spec === undefined) throw new ExpressionError(`unknown name ${name.text}`, name.at);
    this.#expect("(");
    const args = this.#items(")");
    if (args.length !== spec.parameters.length) {
      throw new ExpressionError(
        `${name.text} takes ${spec.parameters.length} arguments and is given ${args.length}`,
        name.at,
      );
    }
    for (const [i, types] of spec.parameters.entries()) needOne(args[i], types, name);
    const fault = spec.check?.(args.map((arg) => arg.constant));
    if (fault !== undefined) throw new ExpressionError(fault, name.at);
    return {
      type: spec.gives,
      of: spec.of,
      run: (subject) =>
        spec.call(
          subject,
          args.map((arg) => arg.run(subject)),
        ),
    };
  }

  /** What stands between commas, up to `close`. */
  #items(close: string): Node[] {
    const items: Node[] = [];
    while (this.#take(close) === undefined) {
      if (items.length > 0) {
        this.#expect(",");
        if (this.#take(close) !== undefined) break;
      }
      items.push(this.#ternary());
    }
    return items;
  }
}

function elementsOf(value: Value): readonly Value[] {
  return typeof value === "object" ? value : [];
}

/** @param results each element with what the predicate says of it */
function gone(name: string, results: readonly (readonly [Value, Value])[]): Value {
  const holding = results.filter(([, says]) => says === true);
  switch (name) {
    case "all":
      return holding.length === results.length;
    case "any":
      return holding.length > 0;
    case "none":
      return holding.length === 0;
    case "one":
      return holding.length === 1;
    case "count":
      return holding.length;
    case "filter":
      return holding.map(([value]) => value);
    default:
      return results.map(([, says]) => says);
  }
}

function list(items: readonly Node[]): Node {
  const [first] = items;
  const of = items.every(({ type }) => type === first?.type) ? first?.type : undefined;
  const known = items.flatMap((item) => (item.constant === undefined ? [] : [item.constant]));
  if (known.length === items.length) return { ...constant("list", known), of };
  return { type: "list", of, run: (subject) => items.map((item) => item.run(subject)) };
}
