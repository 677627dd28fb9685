/**
 * Responses without what does not belong to their question.
 *
 * An answer record belongs when its owner is the question's name, or a CNAME that belongs leads to it, or it is a
 * DNAME above such a name (RFC 6672 §3). Others are how poisoned records travel; a resolver has no use for them.
 */
import { copyBytes } from "./copy-bytes.ts";
import { HEADER_BYTES, readU16 } from "./header.ts";
import { lowerCaseName, NAME_MAX_BYTES, NAME_STEPS_MAX, sameNameInMessage, skipName, walk } from "./name.ts";
import { decodeMessage, encodeMessage } from "./message.ts";
import { MessageError } from "./message-error.ts";
import { ERR_LENGTH } from "./parse-codes.ts";
import type { ResourceRecord } from "./records/record.ts";
import { ResponseScan, scanResponse } from "./response-scan.ts";
import { isQuickToRewrite } from "./rewrite-limits.ts";
import { cutForeign, foreignRecordAt, isBelowInMessage } from "./scrub-beside.ts";
import { TYPE_CNAME, TYPE_DNAME, TYPE_RRSIG } from "./types.ts";

/** A chain with more names than this is cut there. */
const CHAIN_MAX = 64;
/** Aliases are followed so often at most: many with one owner, each from every name below, lead to the same names. */
const FOLLOWED_MAX = 128;

/**
 * Whether every record belongs: those of the answer each after the one that leads to it, as servers write them, and those
 * beside it as `scrub-beside.ts` says. No allocation.
 *
 * False means only that `scrubAnswer` should look.
 *
 * @param start index of the header of the message that `scan` accepted
 */
export function answerInOrder(bytes: Uint8Array, start: number, scan: ResponseScan): boolean {
  if (!recordsInOrder(bytes, start, scan)) return false;
  return scan.answerEnd === scan.end || foreignRecordAt(bytes, start, scan) < 0;
}

function recordsInOrder(bytes: Uint8Array, start: number, scan: ResponseScan): boolean {
  const end = start + scan.answerEnd;
  walk.steps = 0;
  let current = start + HEADER_BYTES;
  // Signatures of a CNAME have its owner, and may follow it.
  let before = current;
  let at = start + scan.questionEnd;
  for (let i = 0; i < scan.answerCount; i++) {
    const ownerEnd = skipName(bytes, at, end);
    if (ownerEnd < 0) return false;
    const dataAt = ownerEnd + 10;
    const type = readU16(bytes, ownerEnd);
    if (readU16(bytes, ownerEnd + 2) !== scan.qclass) return false;
    if (sameNameInMessage(bytes, start, at, current)) {
      if (type === TYPE_CNAME) {
        before = current;
        current = dataAt;
      }
    } else if (!sameNameInMessage(bytes, start, at, before)) {
      const covered = type === TYPE_RRSIG ? readU16(bytes, dataAt) : type;
      if (covered !== TYPE_DNAME) return false;
      if (!isBelowInMessage(bytes, start, current, at) && !isBelowInMessage(bytes, start, before, at)) return false;
    }
    if (walk.steps > NAME_STEPS_MAX) return false;
    at = dataAt + readU16(bytes, ownerEnd + 8);
  }
  return true;
}

/**
 * The message with those answer records only that belong, in their order, and the other sections up to the first record
 * that does not belong.
 *
 * @param bytes the message that `scan` accepted, without OPT, header at 0
 * @returns a view of `bytes` when all belong; else a new array; `ERR_LENGTH` when it cannot be written anew, or
 *   not quickly
 */
export function scrubAnswer(bytes: Uint8Array, scan: ResponseScan): Uint8Array | number {
  const whole = bytes.subarray(0, scan.end);
  if (recordsInOrder(bytes, 0, scan)) return cutForeign(whole, scan);
  if (!isQuickToRewrite(scan)) return ERR_LENGTH;
  try {
    const message = decodeMessage(whole);
    const [question] = message.question;
    if (question === undefined) return encodeMessage({ ...message, answers: [] });
    const reached = reachedNames(question.name, question.class, message.answers);
    const answers = message.answers.filter((record) => record.class === question.class && belongs(record, reached));
    if (answers.length === message.answers.length) return cutForeign(whole, scan);
    const written = encodeMessage({ ...message, answers });
    const own = new ResponseScan();
    const code = scanResponse(written, 0, written.length, own);
    return code < 0 ? code : cutForeign(written, own);
  } catch (error) {
    if (error instanceof MessageError) return ERR_LENGTH;
    throw error;
  }
}

/** Names by their lower-case bytes, one character a byte. */
type Names = Map<string, Uint8Array>;

interface Reached {
  readonly names: Names;
  /** The names and all that they lie below, where a DNAME may stand; empty when there is none in the answer. */
  readonly zones: ReadonlySet<string>;
}

function belongs(record: ResourceRecord, { names, zones }: Reached): boolean {
  const owner = keyOf(record.name);
  return names.has(owner) || (isDname(record) && zones.has(owner));
}

/** A DNAME or its signature. */
function isDname({ data, type }: ResourceRecord): boolean {
  return (data.kind === "rrsig" ? data.typeCovered : type) === TYPE_DNAME;
}

/** The question's name and those that aliases lead to from there, wherever they stand in the section. */
function reachedNames(from: Uint8Array, dnsClass: number, answers: readonly ResourceRecord[]): Reached {
  const aliases = answers.filter(({ data, type, class: itsClass }) => {
    return itsClass === dnsClass && data.kind === "name" && (type === TYPE_CNAME || type === TYPE_DNAME);
  });
  const byOwner = Map.groupBy(aliases, ({ name }) => keyOf(name));
  const hasDname = answers.some(isDname);
  const names: Names = new Map([[keyOf(from), from]]);
  const zones = new Set<string>();
  let followed = 0;
  // A map's iteration also visits what is added on the way.
  for (const [key, name] of names) {
    const labelsEnd = hasDname ? name.length : 1;
    for (let at = 0; at < labelsEnd; at += (name[at] ?? 0) + 1) {
      const owner = key.slice(at);
      if (hasDname) zones.add(owner);
      for (const record of byOwner.get(owner) ?? []) {
        if (names.size === CHAIN_MAX || followed === FOLLOWED_MAX) break;
        const target = aliasTarget(record, name, at);
        if (target === undefined) continue;
        followed++;
        names.set(keyOf(target), target);
      }
    }
  }
  return { names, zones };
}

/** Where an alias whose owner is `name` from `at` on leads `name`. */
function aliasTarget(record: ResourceRecord, name: Uint8Array, at: number): Uint8Array | undefined {
  if (record.data.kind !== "name") return undefined;
  const target = record.data.name;
  if (record.type === TYPE_CNAME) return at === 0 ? target : undefined;
  if (at === 0 || at + target.length > NAME_MAX_BYTES) return undefined;
  const substituted = new Uint8Array(at + target.length);
  substituted.set(name.subarray(0, at));
  substituted.set(target, at);
  return substituted;
}

function keyOf(name: Uint8Array): string {
  const lower = copyBytes(name, 0, name.length);
  lowerCaseName(lower, 0, lower.length);
  return String.fromCharCode(...lower);
}
