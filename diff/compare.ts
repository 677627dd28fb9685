/** Where two replies to one query differ, in words; order counts between RRsets and not inside them. */
import { FLAG_AA, FLAG_AD, FLAG_CD, FLAG_QR, FLAG_RA, FLAG_RD, FLAG_TC, FLAG_Z } from "../src/dns/header.ts";
import { decodeMessage, type Message } from "../src/dns/message.ts";
import { MessageError } from "../src/dns/message-error.ts";
import { nameToText } from "../src/dns/name-text.ts";
import { recordFromText, recordToText } from "../src/dns/records/record-text.ts";
import type { ResourceRecord } from "../src/dns/records/record.ts";
import { rcodeName } from "../src/dns/types.ts";
import type { UpstreamAnswer } from "./answers.ts";

export type Aspect =
  | "silence"
  | "malformed"
  | "rcode"
  | "opcode"
  | `flag ${"QR" | "AA" | "TC" | "RD" | "RA" | "Z" | "AD" | "CD"}`
  | "question"
  | "answer"
  | "authority"
  | "additional"
  | "ttl"
  | "OPT"
  | "EDNS size"
  | "EDNS version"
  | "DO"
  | "EDNS options";

export interface Difference {
  readonly aspect: Aspect;
  /** What Nodens and the peer say. */
  readonly ours: string;
  readonly theirs: string;
}

/** A reply as far as it can be read. */
export interface Reading {
  readonly bytes: Uint8Array | undefined;
  /** undefined: silence, or malformed. */
  readonly message: Message | undefined;
}

const FLAGS = { QR: FLAG_QR, AA: FLAG_AA, TC: FLAG_TC, RD: FLAG_RD, RA: FLAG_RA, Z: FLAG_Z, AD: FLAG_AD, CD: FLAG_CD };
type Flag = keyof typeof FLAGS;
/** A server's seconds begin at other times than ours. */
const TTL_SLACK_S = 2;
/** Both servers are told to hold nothing for longer. */
const TTL_CAP_S = 3600;

export function readReply(bytes: Uint8Array | undefined): Reading {
  if (bytes === undefined) return { bytes, message: undefined };
  try {
    return { bytes, message: decodeMessage(bytes) };
  } catch (error) {
    if (error instanceof MessageError) return { bytes, message: undefined };
    throw error;
  }
}

/**
 * @param upstream what the upstream says to the query
 * @param elapsedS since the servers started: nothing can be held for longer
 */
export function compareReplies(
  our: Reading,
  their: Reading,
  upstream: UpstreamAnswer | undefined,
  elapsedS: number,
): Difference[] {
  const silent = ({ bytes }: Reading): string => (bytes === undefined ? "no reply" : "a reply");
  if ((our.bytes === undefined) !== (their.bytes === undefined)) {
    return [{ aspect: "silence", ours: silent(our), theirs: silent(their) }];
  }
  if (our.bytes === undefined || their.bytes === undefined) return [];
  const [a, b] = [our.message, their.message];
  if (a === undefined || b === undefined) {
    const state = (message: Message | undefined, bytes: Uint8Array): string =>
      message === undefined
        ? `malformed: ${Buffer.from(bytes).toString("hex").slice(0, 120)}`
        : rcodeName(message.rcode);
    return [{ aspect: "malformed", ours: state(a, our.bytes), theirs: state(b, their.bytes) }];
  }
  const ttls = upstream === undefined ? [] : ttlDifference(a, b, upstream, elapsedS);
  return [...compareMessages(a, b), ...ttls];
}

/**
 * A TTL is at most the upstream's, and at least what is left of the shortest in the answer after all that time. Records
 * that the upstream has not sent with this answer are not looked at.
 */
function ttlDifference(a: Message, b: Message, upstream: UpstreamAnswer, elapsedS: number): Difference[] {
  const lines = [...upstream.answers, ...upstream.authority, ...upstream.additional];
  const sent = new Map(lines.map((line) => recordFromText(line)).map((record) => [withoutTtl(record), record.ttl]));
  const shortest = Math.min(...sent.values(), TTL_CAP_S);
  const odd = (message: Message): string => {
    for (const record of [...message.answers, ...message.authority, ...message.additional]) {
      const most = sent.get(withoutTtl(record));
      if (most === undefined) continue;
      if (record.ttl > Math.min(most, TTL_CAP_S)) return `${record.ttl} of ${most}`;
      if (record.ttl < shortest - elapsedS - TTL_SLACK_S) return `${record.ttl} of ${most}`;
    }
    return "within bounds";
  };
  const [ours, theirs] = [odd(a), odd(b)];
  return ours === theirs ? [] : [{ aspect: "ttl", ours, theirs }];
}

function compareMessages(a: Message, b: Message): Difference[] {
  const found: Difference[] = [];
  const note = (aspect: Aspect, ours: string, theirs: string): void => {
    if (ours !== theirs) found.push({ aspect, ours, theirs });
  };
  note("rcode", rcodeName(a.rcode), rcodeName(b.rcode));
  note("opcode", String(a.opcode), String(b.opcode));
  for (const flag of Object.keys(FLAGS).filter((name): name is Flag => Object.hasOwn(FLAGS, name))) {
    note(`flag ${flag}`, a.flags & FLAGS[flag] ? "1" : "0", b.flags & FLAGS[flag] ? "1" : "0");
  }
  note("question", questions(a), questions(b));
  for (const section of ["answers", "authority", "additional"] as const) {
    note(section === "answers" ? "answer" : section, sets(a[section]), sets(b[section]));
  }
  note("OPT", a.edns === undefined ? "none" : "one", b.edns === undefined ? "none" : "one");
  if (a.edns !== undefined && b.edns !== undefined) {
    note("EDNS size", String(a.edns.udpSize), String(b.edns.udpSize));
    note("EDNS version", String(a.edns.version), String(b.edns.version));
    note("DO", String(a.edns.dnssecOk), String(b.edns.dnssecOk));
    const options = (message: Message): string => (message.edns?.options ?? []).map(({ code }) => code).join(",");
    note("EDNS options", options(a), options(b));
  }
  return found;
}

/** As spelled: clients compare it byte by byte. */
function questions({ question }: Message): string {
  return question.map(({ name, type, class: dnsClass }) => `${nameToText(name)} ${type} ${dnsClass}`).join(", ");
}

/** Records without TTL and case, sorted inside each RRset. */
function sets(records: readonly ResourceRecord[]): string {
  const bySet = Map.groupBy(records, (record) => `${nameToText(record.name).toLowerCase()} ${record.type}`);
  return [...bySet.values()]
    .map((set) =>
      set
        .map(withoutTtl)
        .sort((x, y) => (x < y ? -1 : 1))
        .join("; "),
    )
    .join("; ");
}

function withoutTtl(record: ResourceRecord): string {
  return recordToText({ ...record, ttl: 0 }).toLowerCase();
}
