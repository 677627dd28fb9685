/** A part of an expression that has been read, with its type. */
import type { Subject, Value, ValueType } from "./functions.ts";
import { ExpressionError, type Word } from "./words.ts";

export interface Node {
  readonly type: ValueType;
  /** Type of a list's elements; undefined for one that is empty or mixed. */
  readonly of?: ValueType | undefined;
  /** What it is whatever the query; undefined when it depends on it. */
  readonly constant?: Value | undefined;
  readonly run: (subject: Subject) => Value;
}

export function constant(type: ValueType, value: Value): Node {
  return { type, constant: value, run: () => value };
}

/** @throws ExpressionError when the node is of another type; `by` is what needs it */
export function need(node: Node | undefined, type: ValueType, by: Word): Node {
  if (node !== undefined && node.type === type) return node;
  throw new ExpressionError(`'${by.text}' takes a ${type}, not a ${node?.type ?? "nothing"}`, by.at);
}

/** As `need`, where several types will do. */
export function needOne(node: Node | undefined, types: ValueType | readonly ValueType[], by: Word): void {
  if (typeof types === "string") need(node, types, by);
  else if (node === undefined || !types.includes(node.type)) {
    throw new ExpressionError(`'${by.text}' takes a ${types.join(" or ")}, not a ${node?.type ?? "nothing"}`, by.at);
  }
}
