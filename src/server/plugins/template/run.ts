/** Carrying a template out: its text, with the values of one query. */
import { callFunction } from "./functions.ts";
import type { Command, Operand, Pipeline, TemplateNode } from "./parse.ts";
import { isList, isMap, isTrue, Method, Struct, TemplateError, textOf, typeOf, type Value } from "./values.ts";

/** A record is at most 64 KiB. */
const OUTPUT_MAX_CHARACTERS = 65_536;
/** Nodes carried out and items gone through in one run: a `range` over a big number is a mistake. */
const STEPS_MAX = 100_000;

/** @param data what `.` and `$` are @throws TemplateError */
export function runTemplate(nodes: readonly TemplateNode[], data: Value): string {
  const run = new Run(data);
  run.list(nodes, data);
  return run.out;
}

class Run {
  out: string;
  readonly #variables: { readonly name: string; value: Value }[];
  #steps: number;

  constructor(data: Value) {
    this.out = "";
    this.#variables = [{ name: "$", value: data }];
    this.#steps = 0;
  }

  /** @returns what a loop around it has to do */
  list(nodes: readonly TemplateNode[], dot: Value): "break" | "continue" | undefined {
    for (const node of nodes) {
      this.#spend(1);
      switch (node.kind) {
        case "text":
          this.#write(node.text);
          break;
        case "action": {
          const value = this.#pipeline(node.pipeline, dot);
          if (node.pipeline.variables.length === 0) this.#write(value === undefined ? "<no value>" : textOf(value));
          break;
        }
        case "break":
        case "continue":
          return node.kind;
        default: {
          const known = this.#variables.length;
          const left = this.#control(node, dot);
          this.#variables.length = known;
          if (left !== undefined) return left;
        }
      }
    }
    return undefined;
  }

  #control(node: TemplateNode & { kind: "if" | "with" | "range" }, dot: Value): "break" | "continue" | undefined {
    if (node.kind === "range") {
      this.#range(node, dot);
      return undefined;
    }
    const value = this.#pipeline(node.pipeline, dot);
    if (!isTrue(value)) return this.list(node.otherwise, dot);
    return this.list(node.body, node.kind === "with" ? value : dot);
  }

  #range(node: TemplateNode & { kind: "range" | "if" | "with" }, dot: Value): void {
    const { variables, declares } = node.pipeline;
    const over = this.#commands(node.pipeline, dot);
    const items = itemsOf(over);
    if (items.length === 0) {
      this.list(node.otherwise, dot);
      return;
    }
    this.#spend(items.length);
    const known = this.#variables.length;
    for (const [key, item] of items) {
      const values: readonly Value[] = variables.length === 2 ? [key, item] : [item];
      for (const [i, name] of variables.entries()) this.#assign(name, values[i], declares);
      const left = this.list(node.body, item);
      this.#variables.length = known;
      if (left === "break") return;
    }
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > STEPS_MAX) throw new TemplateError("the template takes too long");
  }

  #write(text: string): void {
    this.out += text;
    if (this.out.length > OUTPUT_MAX_CHARACTERS) throw new TemplateError("the output is too long");
  }

  #pipeline(pipeline: Pipeline, dot: Value): Value {
    const value = this.#commands(pipeline, dot);
    for (const name of pipeline.variables) this.#assign(name, value, pipeline.declares);
    return value;
  }

  #commands({ commands }: Pipeline, dot: Value): Value {
    let last: readonly Value[] = [];
    for (const command of commands) last = [this.#command(command, dot, last)];
    return last[0];
  }

  #assign(name: string, value: Value, declares: boolean): void {
    if (declares) {
      this.#variables.push({ name, value });
      return;
    }
    const variable = this.#variables.findLast((one) => one.name === name);
    if (variable !== undefined) variable.value = value;
  }

  /** @param piped what came through the pipeline: the last argument */
  #command([head, ...args]: Command, dot: Value, piped: readonly Value[]): Value {
    if (head.kind === "function") {
      if (head.name === "and" || head.name === "or") return this.#shortCircuit(head.name, args, dot, piped);
      return callFunction(head.name, [...args.map((arg) => this.#value(arg, dot)), ...piped]);
    }
    if (head.kind === "nil") throw new TemplateError("nil is not a command");
    const value = this.#value(head, dot, () => [...args.map((arg) => this.#value(arg, dot)), ...piped]);
    if (args.length + piped.length > 0 && !this.#isCall(head, dot)) {
      throw new TemplateError(`can't give argument to non-function ${nameOf(head)}`);
    }
    return value;
  }

  /** Looks no further than it must. */
  #shortCircuit(name: "and" | "or", args: readonly Operand[], dot: Value, piped: readonly Value[]): Value {
    if (args.length + piped.length === 0)
      throw new TemplateError(`wrong number of args for ${name}: want at least 1 got 0`);
    let value: Value;
    for (const arg of args) {
      value = this.#value(arg, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #isCall(operand: Operand, dot: Value): boolean {
    if (operand.kind !== "dot" && operand.kind !== "variable" && operand.kind !== "pipeline") return false;
    const last = operand.fields.at(-1);
    if (last === undefined) return false;
    const owner = this.#value({ ...operand, fields: operand.fields.slice(0, -1) }, dot);
    return owner instanceof Struct && owner.fields[last] instanceof Method;
  }

  /** @param args for the method that its last field may be */
  #value(operand: Operand, dot: Value, args: () => readonly Value[] = () => []): Value {
    switch (operand.kind) {
      case "literal":
        return operand.value;
      case "nil":
        return null;
      case "function":
        return this.#command([operand], dot, []);
      case "dot":
        return fieldsOf(dot, operand.fields, args);
      case "variable": {
        const variable = this.#variables.findLast((one) => one.name === operand.name);
        return fieldsOf(variable?.value, operand.fields, args);
      }
      case "pipeline":
        return fieldsOf(this.#pipeline(operand.pipeline, dot), operand.fields, args);
    }
  }
}

function nameOf(operand: Operand): string {
  switch (operand.kind) {
    case "literal":
      return textOf(operand.value);
    case "dot":
      return `.${operand.fields.join(".")}`;
    case "variable":
      return [operand.name, ...operand.fields].join(".");
    default:
      return operand.kind;
  }
}

function fieldsOf(from: Value, fields: readonly string[], args: () => readonly Value[]): Value {
  let value = from;
  for (const [i, field] of fields.entries()) {
    value = fieldOf(value, field, i === fields.length - 1 ? args : () => []);
  }
  return value;
}

function fieldOf(owner: Value, field: string, args: () => readonly Value[]): Value {
  if (isMap(owner)) return owner.get(field);
  if (owner === undefined || owner === null) throw new TemplateError(`nil pointer evaluating ${field}`);
  if (owner instanceof Struct && Object.hasOwn(owner.fields, field)) {
    const value = owner.fields[field];
    return value instanceof Method ? value.call(args()) : value;
  }
  throw new TemplateError(`can't evaluate field ${field} in type ${typeOf(owner)}`);
}

/** What a `range` goes through: key and item. */
function itemsOf(value: Value): readonly (readonly [Value, Value])[] {
  if (value === undefined || value === null) return [];
  if (isList(value)) return value.map((item, i) => [BigInt(i), item] as const);
  if (isMap(value)) return [...value].toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (typeof value === "bigint") {
    if (value > BigInt(STEPS_MAX)) throw new TemplateError("the template takes too long");
    return Array.from({ length: Math.max(0, Number(value)) }, (_, i) => [BigInt(i), BigInt(i)] as const);
  }
  throw new TemplateError(`range can't iterate over ${textOf(value)}`);
}
