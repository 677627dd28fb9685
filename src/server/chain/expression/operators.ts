/** Operators between two values whose result is true or false. */
import { compileGoRegexp } from "../../corefile/go-regexp.ts";
import type { Subject, Value, ValueType } from "./functions.ts";
import { need, type Node } from "./node.ts";
import { ExpressionError, type Word } from "./words.ts";

/** @throws ExpressionError for values of types that the operator is not for */
export function combine(operator: Word, a: Node, b: Node): Node {
  const both = (type: ValueType): void => void [need(a, type, operator), need(b, type, operator)];
  const bool = (run: (subject: Subject) => boolean): Node => ({ type: "bool", run });
  switch (operator.text) {
    case "==":
    case "!=": {
      if (a.type === "list") throw new ExpressionError("lists cannot be compared", operator.at);
      both(a.type);
      const equal = operator.text === "==";
      return bool((subject) => (a.run(subject) === b.run(subject)) === equal);
    }
    case "<":
    case "<=":
    case ">":
    case ">=": {
      both(a.type === "string" ? "string" : "int");
      const holds = ORDERS[operator.text];
      return bool((subject) => holds(a.run(subject), b.run(subject)));
    }
    case "in": {
      need(b, "list", operator);
      if (b.of !== undefined && b.of !== a.type) {
        throw new ExpressionError(`'in' looks for a ${a.type} among ${b.of}s`, operator.at);
      }
      return bool((subject) => {
        const [value, values] = [a.run(subject), b.run(subject)];
        return Array.isArray(values) && values.includes(value);
      });
    }
    case "matches": {
      both("string");
      return matching(operator, a, b);
    }
    case "contains":
      both("string");
      return bool((subject) => String(a.run(subject)).includes(String(b.run(subject))));
    case "startsWith":
      both("string");
      return bool((subject) => String(a.run(subject)).startsWith(String(b.run(subject))));
    default:
      both("string");
      return bool((subject) => String(a.run(subject)).endsWith(String(b.run(subject))));
  }
}

const ORDERS: Readonly<Record<"<" | "<=" | ">" | ">=", (a: Value, b: Value) => boolean>> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** The pattern must be known beforehand: one made of what strangers ask for is a way to attack. */
function matching(operator: Word, a: Node, b: Node): Node {
  if (typeof b.constant !== "string") {
    throw new ExpressionError("the pattern of 'matches' must be a string", operator.at);
  }
  try {
    const pattern = compileGoRegexp(b.constant);
    return { type: "bool", run: (subject) => pattern.test(String(a.run(subject))) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ExpressionError(error.message, operator.at);
  }
}
