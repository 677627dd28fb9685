/** The answer to a rewritten question, made one to the client's question. */
import {
  FLAG_AA,
  FLAG_AD,
  FLAG_TC,
  FLAGS_AT,
  HEADER_BYTES,
  RCODE_MASK,
  readU16,
  writeU16,
} from "../../../dns/header.ts";
import { decodeMessage, type Message } from "../../../dns/message.ts";
import { nameFromText, nameToText } from "../../../dns/name-text.ts";
import type { RecordData, ResourceRecord } from "../../../dns/records/record.ts";
import { respond } from "../../../dns/response-builder.ts";
import {
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_MX,
  TYPE_NAPTR,
  TYPE_NS,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
} from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Query } from "../../chain/query.ts";
import type { ResponseRule } from "./rule.ts";

/** Asks for the records of a CNAME's new target. @returns undefined when there is no answer */
export type LookUp = (target: string) => Promise<Message | undefined>;

/**
 * @param query the client's
 * @param asked what the answer is for
 * @param rules in the order in which they applied to the question
 * @throws {NodensError} when a rule makes a name that is none, or a message that is too long
 */
export async function rewriteAnswer(
  query: Query,
  asked: Query,
  answer: Answer,
  rules: readonly ResponseRule[],
  lookUp: LookUp,
): Promise<Answer> {
  if (answer.dropped === true || (query === asked && rules.length === 0)) return answer;
  if (rules.length === 0 && sameName(query, asked)) return { ...answer, wire: withQuestion(answer.wire, query) };
  return { ...answer, wire: await rewriteMessage(query, answer.wire, rules, lookUp) };
}

/** Byte for byte, so that pointers into the question stay good. */
function sameName(a: Query, b: Query): boolean {
  const end = HEADER_BYTES + a.view.nameLength;
  if (a.view.nameLength !== b.view.nameLength) return false;
  for (let at = HEADER_BYTES; at < end; at++) if (a.wire[at] !== b.wire[at]) return false;
  return true;
}

function withQuestion(wire: Uint8Array, query: Query): Uint8Array {
  const out = wire.slice();
  out.set(query.wire.subarray(HEADER_BYTES, query.view.questionEnd), HEADER_BYTES);
  return out;
}

async function rewriteMessage(
  query: Query,
  wire: Uint8Array,
  rules: readonly ResponseRule[],
  lookUp: LookUp,
): Promise<Uint8Array> {
  const message = decodeMessage(wire);
  let { authority, answers, additional, rcode } = message;
  // Records that a look-up of our own brought: they have been through the chain and its rules.
  let fetched: readonly ResourceRecord[] = [];
  let flags = message.flags;
  for (const rule of rules.toReversed()) {
    switch (rule.kind) {
      case "rcode":
        if (rcode === rule.from) rcode = rule.to;
        break;
      case "cname": {
        const swapped = await swapTarget(answers, rule.target, lookUp);
        if (swapped === undefined) break;
        answers = swapped.kept;
        fetched = swapped.fetched;
        flags = swapped.truncated ? flags | FLAG_TC : flags & ~FLAG_TC;
        break;
      }
      default: {
        const change = (record: ResourceRecord): ResourceRecord => rewriteRecord(record, rule);
        [authority, answers, additional] = [authority.map(change), answers.map(change), additional.map(change)];
      }
    }
  }
  const out = respond(query.wire, query.view, rcode, [...answers, ...fetched], { authority, additional });
  // Who could have proved the old names cannot prove the new ones: no AD.
  const kept = rules.every((rule) => rule.kind === "ttl") ? FLAG_AD | FLAG_AA | FLAG_TC : FLAG_AA | FLAG_TC;
  writeU16(out, FLAGS_AT, readU16(out, FLAGS_AT) | (flags & kept) | (rcode & RCODE_MASK));
  return out;
}

function rewriteRecord(
  record: ResourceRecord,
  rule: ResponseRule & { kind: "name" | "value" | "ttl" },
): ResourceRecord {
  switch (rule.kind) {
    case "ttl":
      return { ...record, ttl: Math.min(Math.max(record.ttl, rule.min), rule.max) };
    case "name":
      return { ...record, name: rewriteName(record.name, rule.rewrite) };
    case "value":
      return { ...record, data: rewriteValue(record, rule.rewrite) };
  }
}

function rewriteName(name: Uint8Array, rewrite: (name: string) => string): Uint8Array {
  const text = nameToText(name);
  const changed = rewrite(text);
  return changed === text ? name : nameFromText(changed);
}

const NAME_TYPES: ReadonlySet<number> = new Set([TYPE_CNAME, TYPE_DNAME, TYPE_NS, TYPE_PTR]);

/** Only types that CoreDNS rewrites: a mailbox of an AFSDB stays what it is. */
function rewriteValue({ type, data }: ResourceRecord, rewrite: (name: string) => string): RecordData {
  if (data.kind === "name" && NAME_TYPES.has(type)) return { ...data, name: rewriteName(data.name, rewrite) };
  if (data.kind === "srv" && type === TYPE_SRV) return { ...data, target: rewriteName(data.target, rewrite) };
  if (data.kind === "mx" && type === TYPE_MX) return { ...data, exchange: rewriteName(data.exchange, rewrite) };
  if (data.kind === "soa" && type === TYPE_SOA) return { ...data, mname: rewriteName(data.mname, rewrite) };
  if (data.kind === "naptr" && type === TYPE_NAPTR) {
    return { ...data, replacement: rewriteName(data.replacement, rewrite) };
  }
  return data;
}

interface Swapped {
  /** CNAMEs down to the one with the new target. */
  readonly kept: readonly ResourceRecord[];
  readonly fetched: readonly ResourceRecord[];
  readonly truncated: boolean;
}

/** @returns undefined when no CNAME matches, or its new target has no answer */
async function swapTarget(
  answers: readonly ResourceRecord[],
  targetOf: (name: string) => string | undefined,
  lookUp: LookUp,
): Promise<Swapped | undefined> {
  const kept: ResourceRecord[] = [];
  for (const record of answers) {
    if (record.type !== TYPE_CNAME || record.data.kind !== "name") continue;
    const target = targetOf(nameToText(record.data.name));
    if (target === undefined) {
      kept.push(record);
      continue;
    }
    const name = nameFromText(target);
    const found = await lookUp(target);
    if (found === undefined) return undefined;
    kept.push({ ...record, data: { kind: "name", name } });
    return { kept, fetched: found.answers, truncated: (found.flags & FLAG_TC) !== 0 };
  }
  return undefined;
}
