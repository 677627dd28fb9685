/**
 * Label and field selectors in the API's own syntax, judged by us: manifests have no server that would.
 *
 * Labels as `k8s.io/apimachinery/pkg/labels`: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, `a>1`, `a<1`,
 * joined by commas. Fields: `metadata.name=b`, `spec.nodeName!=c`.
 */
import { NodensError } from "../base/errors.ts";
import { at, text, type Raw } from "./raw.ts";

/** A selector cannot be read. */
export class SelectorError extends NodensError {
  readonly code = "NODENS_KUBE_SELECTOR";
}

type Labels = Readonly<Record<string, string>>;
export type LabelMatch = (labels: Labels) => boolean;
export type FieldMatch = (raw: Raw) => boolean;

const KEY = "[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?";
const VALUE = "[-A-Za-z0-9_.]*";
const LABEL_TERMS: readonly [RegExp, (key: string, value: string) => LabelMatch][] = [
  [RegExp(`^(${KEY})$`), (key) => (labels) => Object.hasOwn(labels, key)],
  [RegExp(`^!\\s*(${KEY})$`), (key) => (labels) => !Object.hasOwn(labels, key)],
  [RegExp(`^(${KEY})\\s*={1,2}\\s*(${VALUE})$`), (key, value) => (labels) => labels[key] === value],
  [RegExp(`^(${KEY})\\s*!=\\s*(${VALUE})$`), (key, value) => (labels) => labels[key] !== value],
  [RegExp(`^(${KEY})\\s+in\\s*\\(([^()]*)\\)$`), (key, value) => isOneOf(key, value, true)],
  [RegExp(`^(${KEY})\\s+notin\\s*\\(([^()]*)\\)$`), (key, value) => isOneOf(key, value, false)],
  [RegExp(`^(${KEY})\\s*>\\s*(-?[0-9]+)$`), (key, value) => (labels) => integer(labels[key]) > Number(value)],
  [RegExp(`^(${KEY})\\s*<\\s*(-?[0-9]+)$`), (key, value) => (labels) => integer(labels[key]) < Number(value)],
];
const FIELD_TERM = /^([A-Za-z][\w.]*)\s*(==?|!=)\s*([-\w.:/]*)$/;

/** @throws SelectorError */
export function parseLabelSelector(selector: string): LabelMatch {
  const matches = terms(selector).map((term): LabelMatch => {
    for (const [pattern, make] of LABEL_TERMS) {
      const [, key, value = ""] = pattern.exec(term) ?? [];
      if (key !== undefined) return make(key, value);
    }
    throw new SelectorError(`label selector "${selector}": "${term}" is none`, {
      hint: "There are a=b, a!=b, a in (b,c), a notin (b,c), a, !a, joined by commas",
    });
  });
  return (labels) => matches.every((match) => match(labels));
}

/** @throws SelectorError */
export function parseFieldSelector(selector: string): FieldMatch {
  const matches = terms(selector).map((term): FieldMatch => {
    const [, field = "", operator, value = ""] = FIELD_TERM.exec(term) ?? [];
    if (operator === undefined) {
      throw new SelectorError(`field selector "${selector}": "${term}" is none`, {
        hint: "There are a.b=c and a.b!=c",
      });
    }
    const path = field.split(".");
    return (raw) => (text(at(raw, path)) === value) === (operator !== "!=");
  });
  return (raw) => matches.every((match) => match(raw));
}

/** Commas inside parentheses join values, not terms. */
function terms(selector: string): string[] {
  if (selector.trim() === "") return [];
  return selector.split(/,(?![^(]*\))/).map((term) => term.trim());
}

function isOneOf(key: string, list: string, wanted: boolean): LabelMatch {
  const values = new Set(list.split(",").map((value) => value.trim()));
  return (labels) => (Object.hasOwn(labels, key) && values.has(labels[key] ?? "")) === wanted;
}

/** NaN, which is neither above nor below anything, for what is no integer. */
function integer(label: string | undefined): number {
  return label !== undefined && /^-?[0-9]+$/.test(label) ? Number(label) : Number.NaN;
}
