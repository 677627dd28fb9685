/** Whether a template is for a query, and what it then knows about it. */
import { OPCODE_MASK, OPCODE_SHIFT, FLAG_AD, FLAG_CD, FLAG_RD, FLAG_Z, HEADER_BYTES } from "../../../dns/header.ts";
import { isBelow } from "../../../dns/name.ts";
import { CLASS_ANY, className, TYPE_ANY, typeName } from "../../../dns/types.ts";
import { ExpressionFailure, type Subject, type Value as ExpressionValue } from "../../chain/expression/functions.ts";
import type { Query } from "../../chain/query.ts";
import { fits, type TemplateSettings, zoneOf } from "./settings.ts";
import { Method, Struct, TemplateError, typeOf, type Value } from "./values.ts";

export interface TemplateMatch {
  /** The zone that the name is in; then the labels of metrics. */
  readonly zone: string;
  readonly dnsClass: string;
  readonly type: string;
  /** What the record templates see. */
  readonly data: Struct;
}

/** @returns `next` when the query is for another template or plugin; `fail` when there is to be no answer */
export function matchTemplate(settings: TemplateSettings, query: Query): TemplateMatch | "next" | "fail" {
  const { wire, view } = query;
  const isInside = (zone: Uint8Array): boolean => isBelow(wire, HEADER_BYTES, zone);
  const zone = zoneOf(settings.zones, isInside);
  if (zone === undefined || !fits(settings.dnsClass, view.qclass) || !fits(settings.type, view.qtype)) return "next";
  const name = query.name.toLowerCase();
  for (const pattern of settings.patterns) {
    const groups = pattern.match(name);
    if (groups === undefined) continue;
    const named = pattern.groupNames.flatMap((group, i): [string, string][] =>
      group === "" ? [] : [[group, groups[i] ?? ""]],
    );
    const numbered = groups.map((text, i): [string, string] => [String(i), text]);
    const group = new Map<string, string>([...numbered, ...named]);
    const verdict = evaluate(settings, query, group);
    if (verdict === "fail") return "fail";
    if (verdict === "next") break;
    const dnsClass = className(view.qclass === CLASS_ANY ? settings.dnsClass : view.qclass);
    const type = typeName(view.qtype === TYPE_ANY ? settings.type : view.qtype);
    const data = new Struct("*template.templateData", {
      Zone: zone.text,
      Name: name,
      Regex: pattern.source,
      Match: groups,
      Group: group,
      Class: dnsClass,
      Type: type,
      Message: messageOf(query),
      Question: questionOf(query),
      Remote: query.client.address,
      Var: verdict,
      Meta: new Method((args) => metadataOf(query, args)),
    });
    return { zone: zone.text, dnsClass, type, data };
  }
  return settings.fallthrough.some(isInside) ? "next" : "fail";
}

/** @returns the variables; `next` when a condition is false, `fail` when an expression cannot be evaluated */
function evaluate(
  { variables, conditions }: TemplateSettings,
  query: Query,
  group: ReadonlyMap<string, string>,
): ReadonlyMap<string, Value> | "next" | "fail" {
  const values: ExpressionValue[] = [];
  const subject: Subject = {
    query,
    group: (key) => group.get(String(key)) ?? "",
    variables: values,
    elements: [],
  };
  try {
    for (const { run } of variables) values.push(run(subject));
    if (!conditions.every(({ run }) => run(subject) === true)) return "next";
  } catch (error) {
    if (error instanceof ExpressionFailure) return "fail";
    throw error;
  }
  return new Map(variables.map(({ name }, i) => [name, templateValue(values[i] ?? "")]));
}

function templateValue(value: ExpressionValue): Value {
  if (typeof value === "number") return BigInt(value);
  return typeof value === "object" ? value.map(templateValue) : value;
}

function questionOf({ name, view }: Query): Struct {
  return new Struct("*dns.Question", { Name: name, Qtype: BigInt(view.qtype), Qclass: BigInt(view.qclass) });
}

/** The header and the question; a client's query has no records that a template could want. */
function messageOf(query: Query): Struct {
  const { flags, id } = query.view;
  return new Struct("*dns.Msg", {
    Id: BigInt(id),
    Response: false,
    Opcode: BigInt((flags & OPCODE_MASK) >> OPCODE_SHIFT),
    Authoritative: false,
    Truncated: false,
    RecursionDesired: (flags & FLAG_RD) !== 0,
    RecursionAvailable: false,
    Zero: (flags & FLAG_Z) !== 0,
    AuthenticatedData: (flags & FLAG_AD) !== 0,
    CheckingDisabled: (flags & FLAG_CD) !== 0,
    Rcode: 0n,
    Question: [questionOf(query)],
    Answer: [],
    Ns: [],
  });
}

function metadataOf(query: Query, args: readonly Value[]): string {
  const [label] = args;
  if (args.length !== 1) throw new TemplateError(`wrong number of args for Meta: want 1 got ${args.length}`);
  if (typeof label !== "string") {
    throw new TemplateError(`wrong type for value of Meta; expected string; got ${typeOf(label)}`);
  }
  return query.metadata?.get(label) ?? "";
}
