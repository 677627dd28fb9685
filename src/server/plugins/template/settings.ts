/** The `template` directive as written. */
import { ConfigError, describeError, type Position } from "../../../base/errors.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import { RCODE_MASK } from "../../../dns/header.ts";
import { CLASS_ANY, classNumber, RCODE_NOERROR, rcodeNumber, typeNumber } from "../../../dns/types.ts";
import { compileExpression, type Expression, isReserved, needCondition } from "../../chain/expression/expression.ts";
import { ExpressionError } from "../../chain/expression/words.ts";
import type { Directive, Token } from "../../chain/plugin.ts";
import {
  expectArg,
  expectArgs,
  parseInteger,
  parseZones,
  properties,
  type Property,
  unknownProperty,
  zonesOr,
} from "../../corefile/arguments.ts";
import { compileGoRegexp, type GoRegexp, PATTERN_MAX_CHARACTERS } from "../../corefile/go-regexp.ts";
import { parseTemplate, type TemplateNode } from "./parse.ts";
import { TemplateSyntaxError } from "./words.ts";

export type Section = "answer" | "additional" | "authority";

/** One record. */
export interface RecordTemplate {
  readonly section: Section;
  /** As the operator wrote it: a label in metrics. */
  readonly source: string;
  readonly nodes: readonly TemplateNode[];
}

export interface Zone {
  readonly text: string;
  readonly wire: Uint8Array;
}

export interface Variable extends Expression {
  readonly name: string;
}

export interface TemplateSettings {
  /** `CLASS_ANY` is all classes. */
  readonly dnsClass: number;
  /** `TYPE_ANY` is all types. */
  readonly type: number;
  readonly zones: readonly Zone[];
  /** The first that matches the name counts; never empty. */
  readonly patterns: readonly GoRegexp[];
  /** In the order of the file; each may use those before it. */
  readonly variables: readonly Variable[];
  /** All must be true for a match. They may use all variables. */
  readonly conditions: readonly Expression[];
  /** In the order of the file. */
  readonly records: readonly RecordTemplate[];
  readonly rcode: number;
  readonly extendedError: { readonly code: number; readonly text: string } | undefined;
  /** Names below them that no pattern matches are for the next template or plugin. */
  readonly fallthrough: readonly Uint8Array[];
}

/** @throws ConfigError */
export function readTemplate(directive: Directive, blockZones: readonly string[]): TemplateSettings {
  const [dnsClass, type, ...zones] = expectArgs(directive, 2, Number.POSITIVE_INFINITY);
  if (dnsClass === undefined || type === undefined) throw new Error("expectArgs let missing words pass");
  const settings = {
    dnsClass: readNumber(dnsClass, classNumber, "query class"),
    type: readNumber(type, typeNumber, "RR type"),
    zones: zonesOr(zones, blockZones).map((text) => ({ text, wire: nameFromText(text) })),
    patterns: new Array<GoRegexp>(),
    variables: new Array<Variable>(),
    conditions: new Array<Expression>(),
    records: new Array<RecordTemplate>(),
    rcode: RCODE_NOERROR,
    extendedError: undefined as TemplateSettings["extendedError"],
    fallthrough: new Array<Uint8Array>(),
  };
  for (const property of properties(directive)) {
    const { name, args } = property;
    switch (name.text) {
      case "match":
        settings.patterns.push(...atLeastOne(property).map(readPattern));
        break;
      case "answer":
      case "additional":
      case "authority":
        for (const token of atLeastOne(property)) settings.records.push(readRecord(name.text, token));
        break;
      case "var":
        settings.variables.push(readVariable(property, settings.variables));
        break;
      case "expr":
        settings.conditions.push(readCondition(property, settings.variables));
        break;
      case "rcode":
        settings.rcode = readRcode(expectArg(property));
        break;
      case "ederror":
        settings.extendedError = readExtendedError(property);
        break;
      case "fallthrough":
        settings.fallthrough = (args.length === 0 ? ["."] : parseZones(args)).map((zone) => nameFromText(zone));
        break;
      case "upstream":
        // Without meaning since CoreDNS 1.6; old files still have it.
        break;
      default:
        unknownProperty(property);
    }
  }
  if (settings.patterns.length === 0) settings.patterns.push(compileGoRegexp(".*"));
  return settings;
}

function atLeastOne(property: Property): readonly Token[] {
  return expectArgs(property, 1, Number.POSITIVE_INFINITY);
}

/** Names in capitals only, as CoreDNS: `a` is more likely a zone in the wrong place. */
function readNumber(token: Token, numberOf: (text: string) => number | undefined, what: string): number {
  const number = token.text === token.text.toUpperCase() ? numberOf(token.text) : undefined;
  if (number === undefined) throw new ConfigError(token.position, `invalid ${what} ${token.text}`);
  return number;
}

function readPattern(token: Token): GoRegexp {
  const { text, position } = token;
  if (text.length > PATTERN_MAX_CHARACTERS) {
    throw new ConfigError(position, `regex pattern too long: ${text.length} > ${PATTERN_MAX_CHARACTERS}`);
  }
  try {
    return compileGoRegexp(text);
  } catch (error) {
    throw new ConfigError(position, `could not parse regex: ${text}, ${describeError(error)}`, { cause: error });
  }
}

function readRecord(section: Section, token: Token): RecordTemplate {
  try {
    return { section, source: token.text, nodes: parseTemplate(token.text) };
  } catch (error) {
    if (!(error instanceof TemplateSyntaxError)) throw error;
    throw new ConfigError(token.position, `could not compile template: ${error.message}`, { cause: error });
  }
}

/** `var NAME EXPRESSION` */
function readVariable(property: Property, known: readonly Variable[]): Variable {
  const [name, ...words] = expectArgs(property, 2, Number.POSITIVE_INFINITY);
  if (name === undefined) throw new Error("expectArgs let a missing word pass");
  const { text, position } = name;
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(text)) throw new ConfigError(position, `invalid variable name "${text}"`);
  if (isReserved(text) || known.some((variable) => variable.name === text)) {
    throw new ConfigError(position, `variable name "${text}" is reserved`);
  }
  return { name: text, ...readExpression(words, known) };
}

function readCondition(property: Property, known: readonly Variable[]): Expression {
  return readExpression(atLeastOne(property), known, needCondition);
}

/** @param words of the expression, put together again with one space between */
function readExpression(
  words: readonly Token[],
  variables: readonly Variable[],
  check: (expression: Expression) => void = () => {},
): Expression {
  const [first] = words;
  try {
    const expression = compileExpression(words.map(({ text }) => text).join(" "), { variables, groups: true });
    check(expression);
    return expression;
  } catch (error) {
    if (!(error instanceof ExpressionError) || first === undefined) throw error;
    throw new ConfigError(placeIn(words, first, error.at), `could not compile expression: ${error.message}`);
  }
}

/** Where the character at an offset of the joined words stands in the file. */
function placeIn(words: readonly Token[], first: Token, offset: number): Position {
  let left = offset;
  for (const { text, position, quoted } of words) {
    if (left <= text.length) return { ...position, column: position.column + left + (quoted ? 1 : 0) };
    left -= text.length + 1;
  }
  return first.position;
}

function readRcode(token: Token): number {
  const rcode = /^[A-Z]+$/.test(token.text) ? rcodeNumber(token.text) : undefined;
  if (rcode === undefined) throw new ConfigError(token.position, `unknown rcode ${token.text}`);
  if (rcode > RCODE_MASK) {
    throw new ConfigError(token.position, `rcode ${token.text} needs EDNS, which not every client has`);
  }
  return rcode;
}

function readExtendedError(property: Property): { code: number; text: string } {
  const [code, reason] = expectArgs(property, 1, 2);
  if (code === undefined) throw new Error("expectArgs let a missing word pass");
  return { code: parseInteger(code, 0, 0xffff), text: reason?.text ?? "" };
}

/** @returns the longest zone that the name at `at` is in */
export function zoneOf(zones: readonly Zone[], isInside: (zone: Uint8Array) => boolean): Zone | undefined {
  let found: Zone | undefined;
  for (const zone of zones) {
    if (zone.wire.length > (found?.wire.length ?? 0) && isInside(zone.wire)) found = zone;
  }
  return found;
}

/** Whether a template of `wanted` is for a question of `asked`; a question for ANY class or type is for all. */
export function fits(wanted: number, asked: number): boolean {
  // Class ANY and type ANY have the same number.
  return wanted === CLASS_ANY || asked === CLASS_ANY || wanted === asked;
}
