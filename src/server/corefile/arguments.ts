/**
 * Reading what stands behind a directive and inside its braces, with errors that name the word.
 *
 * The texts of the errors are CoreDNS's where it has one, for people who search for them.
 */
import { ConfigError } from "../../base/errors.ts";
import { formatDuration, readDuration } from "./duration.ts";
import { serverKeys } from "./server-key.ts";
import type { Directive, Token } from "./tree.ts";

/** One line inside a directive's braces: a property and what belongs to it. */
export interface Property {
  readonly name: Token;
  readonly args: readonly Token[];
}

/** Lines inside the braces; empty without braces. */
export function properties(directive: Directive): Property[] {
  return (directive.lines ?? []).flatMap(([name, ...args]) => (name === undefined ? [] : [{ name, args }]));
}

/** @throws ConfigError always: `unknown property 'x'` */
export function unknownProperty(property: Property): never {
  throw new ConfigError(property.name.position, `unknown property '${property.name.text}'`);
}

/**
 * Checks how many words follow a directive or a property.
 *
 * @param max default `min`
 * @returns the words
 * @throws ConfigError at the first word too many, or at the last word before the missing one
 */
export function expectArgs(of: Pick<Property, "name" | "args">, min: number, max: number = min): readonly Token[] {
  const extra = of.args[max];
  if (extra !== undefined) {
    throw new ConfigError(extra.position, `Wrong argument count: '${of.name.text}' does not take '${extra.text}'`);
  }
  if (of.args.length < min) {
    const last = of.args.at(-1) ?? of.name;
    throw new ConfigError(last.position, `Wrong argument count or unexpected line ending after '${last.text}'`);
  }
  return of.args;
}

/** Checks that exactly one word follows. @returns it */
export function expectArg(of: Pick<Property, "name" | "args">): Token {
  const [argument] = expectArgs(of, 1);
  if (argument === undefined) throw new Error("expectArgs let a missing word pass");
  return argument;
}

/** @throws ConfigError at the first word inside braces, for a directive that has no properties */
export function expectNoProperties(directive: Directive): void {
  const [first] = properties(directive);
  if (first !== undefined) unknownProperty(first);
}

/**
 * A Go duration in milliseconds, as a fraction when below one.
 *
 * @param minMs, maxMs inclusive; default from 0 on
 */
export function parseDuration(token: Token, minMs = 0, maxMs: number = Number.POSITIVE_INFINITY): number {
  const ms = readDuration(token.text);
  if (typeof ms === "string") throw new ConfigError(token.position, ms);
  if (ms < minMs) throw new ConfigError(token.position, `duration ${token.text} is below ${formatDuration(minMs)}`);
  if (ms > maxMs) throw new ConfigError(token.position, `duration ${token.text} is above ${formatDuration(maxMs)}`);
  return ms;
}

/** A decimal integer, `min` to `max` inclusive. */
export function parseInteger(token: Token, min: number, max: number): number {
  const value = /^[-+]?[0-9]{1,16}$/.test(token.text) ? Number(token.text) : Number.NaN;
  if (Number.isNaN(value)) throw new ConfigError(token.position, `'${token.text}' is no whole number`);
  if (value < min || value > max) {
    throw new ConfigError(token.position, `${token.text} is out of range: ${min} to ${max}`);
  }
  return value;
}

/** `10%` to 10; the sign is required. */
export function parsePercent(token: Token, min: number, max: number): number {
  const digits = /^([0-9]{1,3})%$/.exec(token.text)?.[1];
  if (digits === undefined) throw new ConfigError(token.position, `'${token.text}' is no percentage such as 10%`);
  const value = Number(digits);
  if (value < min || value > max) {
    throw new ConfigError(token.position, `${token.text} is out of range: ${min}% to ${max}%`);
  }
  return value;
}

/** Zones, lower case and absolute, in order; an address block becomes its reverse zones, scheme and port are ignored. */
export function parseZones(tokens: readonly Token[]): string[] {
  return tokens.flatMap((token) => serverKeys(token, 53).map((key) => key.zone));
}

/** The zones that are written, else those of the server block. */
export function zonesOr(tokens: readonly Token[], blockZones: readonly string[]): readonly string[] {
  return tokens.length === 0 ? blockZones : parseZones(tokens);
}

/**
 * The only occurrence of a directive that may stand once.
 *
 * @throws ConfigError at the second
 */
export function once(directives: readonly Directive[]): Directive {
  const [first, second] = directives;
  if (first === undefined) throw new Error("a plugin was set up without its directive");
  if (second !== undefined) {
    throw new ConfigError(second.name.position, "this plugin can only be used once per Server Block");
  }
  return first;
}
