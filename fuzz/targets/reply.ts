/**
 * What upstreams send: from the datagram or stream message to the reply for the client, and again out of the cache.
 */
import { ARCOUNT_AT, FLAG_QR, FLAG_RD, FLAG_TC, FLAGS_AT, RCODE_MASK } from "../../src/dns/header.ts";
import { decodeMessage, encodeMessage, type Message } from "../../src/dns/message.ts";
import { MessageError } from "../../src/dns/message-error.ts";
import { nameLength } from "../../src/dns/name.ts";
import { buildQuery } from "../../src/dns/query-builder.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT } from "../../src/dns/query-view.ts";
import { ResponseScan, scanResponse } from "../../src/dns/response-scan.ts";
import { answerInOrder, scrubAnswer } from "../../src/dns/scrub.ts";
import { shuffleAddresses } from "../../src/dns/shuffle.ts";
import { truncateByRrset } from "../../src/dns/truncate.ts";
import { removeOpt } from "../../src/dns/without-opt.ts";
import type { Answer } from "../../src/server/chain/answer.ts";
import { finishReply, REPLY_ROOM_BYTES, replyLimit } from "../../src/server/chain/finish-reply.ts";
import { Query } from "../../src/server/chain/query.ts";
import { judgeReply, REPLY_ACCEPTED } from "../../src/server/upstream/reply-check.ts";
import { testServer } from "../../test/support/setup-context.ts";
import { CacheBench } from "../cache-bench.ts";
import { RESPONSES } from "../corpus/responses.ts";
import { GuardedSlab } from "../guarded-slab.ts";
import { wordAt } from "../message-map.ts";
import { mutateMessage } from "../mutate-message.ts";
import { hashBytes } from "../random.ts";
import { check, type Target } from "../target.ts";

const OUTCOMES = ["ignored", "malformed", "cut", "unusable", "answered", "cached"] as const;
const IGNORED = OUTCOMES.indexOf("ignored");
const MALFORMED = OUTCOMES.indexOf("malformed");
const CUT = OUTCOMES.indexOf("cut");
const UNUSABLE = OUTCOMES.indexOf("unusable");
const ANSWERED = OUTCOMES.indexOf("answered");
const CACHED = OUTCOMES.indexOf("cached");

const MAX_BYTES = 65_535;
/** The decoder is for what is looked into by plugins, tests and tools, so its time is not the server's. */
const DECODED_MAX_BYTES = 4096;
const DECODED_MAX_STEPS = 4096;
const LIMITS = [512, 1232, 4096] as const;
const CLIENT = Uint8Array.of(2, 0, 0x9d, 0x14, 10, 240, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);

export async function replyTarget(): Promise<Target> {
  const replies = new Replies(await CacheBench.create());
  return {
    name: "reply",
    form: "hex",
    corpus: RESPONSES,
    maxBytes: MAX_BYTES,
    slowMs: 5,
    outcomes: OUTCOMES,
    mutate: mutateMessage,
    run: (input) => replies.run(input),
    runUnchecked: (input) => replies.runUnchecked(input),
  };
}

class Replies {
  readonly #bench: CacheBench;
  readonly #slab: GuardedSlab;
  readonly #scan: ResponseScan;
  readonly #other: ResponseScan;
  readonly #out: Uint8Array;

  constructor(bench: CacheBench) {
    this.#bench = bench;
    this.#slab = new GuardedSlab(MAX_BYTES);
    this.#scan = new ResponseScan();
    this.#other = new ResponseScan();
    this.#out = new Uint8Array(REPLY_ROOM_BYTES);
  }

  run(input: Uint8Array): number | Promise<number> {
    const code = this.#scanTwice(input);
    const isSmall = input.length <= DECODED_MAX_BYTES && (code < 0 || this.#scan.nameSteps <= DECODED_MAX_STEPS);
    if (isSmall) checkDecoder(input, code, this.#scan);
    const bits = hashBytes(input);
    const query = queryOf(input, bits);
    const mayBeCut = (bits & 8) !== 0;
    const verdict = judgeReply(input, query.wire, query.view.questionEnd, mayBeCut, this.#scan);
    if (verdict !== REPLY_ACCEPTED) {
      check(verdict >= 0 && verdict <= 5, "a verdict is one of six");
      return (code < 0 ? MALFORMED : IGNORED) | ((code & 15) << 8) | (verdict << 12);
    }
    check((wordAt(input, FLAGS_AT) & FLAG_QR) !== 0, "what is accepted has QR");
    if (mayBeCut && (wordAt(input, FLAGS_AT) & FLAG_TC) !== 0) return CUT;
    check(code === 0, "what is accepted and not cut is whole");
    return this.#relay(input, query);
  }

  /** What the server does with it, from the upstream's message to the client's reply, and once more from the cache. */
  async runUnchecked(input: Uint8Array): Promise<void> {
    const scan = this.#scan;
    const query = queryOf(input, hashBytes(input));
    this.#bench.forget(query);
    if (judgeReply(input, query.wire, query.view.questionEnd, false, scan) !== REPLY_ACCEPTED) return;
    const inOrder = answerInOrder(input, 0, scan);
    const plain = removeOpt(input, scan);
    if (typeof plain === "number") return;
    if (!inOrder && scanResponse(plain, 0, plain.length, scan) < 0) return;
    const wire = inOrder ? plain : scrubAnswer(plain, scan);
    if (typeof wire === "number") return;
    const answer = await this.#bench.ask(query, () => ({ wire, plugin: "forward" }));
    finishReply(query, answer, this.#out);
    this.#bench.serve(query.wire);
  }

  /** With other bytes around it, a message means the same. */
  #scanTwice(input: Uint8Array): number {
    const slab = this.#slab;
    const other = this.#other;
    slab.place(input, 0);
    const code = scanResponse(slab.bytes, slab.start, input.length, other);
    slab.checkUnchanged(input);
    slab.place(input, 1);
    const again = scanResponse(slab.bytes, slab.start, input.length, this.#scan);
    slab.checkUnchanged(input);
    check(code === again, "the code does not depend on what follows");
    check(code <= 0, "the code is 0 or negative");
    if (code < 0) return code;
    const scan = this.#scan;
    const same =
      scan.end === other.end &&
      scan.optAt === other.optAt &&
      scan.optEnd === other.optEnd &&
      scan.minTtl === other.minTtl &&
      scan.ttlCount === other.ttlCount &&
      scan.soaMinimum === other.soaMinimum &&
      scan.extendedRcode === other.extendedRcode &&
      scan.rrsigExpiration === other.rrsigExpiration;
    check(same, "what is read does not depend on what follows");
    check(scan.end <= input.length && scan.questionEnd <= scan.answerEnd, "sections lie in the message");
    check(scan.answerEnd <= scan.authorityEnd && scan.authorityEnd <= scan.end, "sections follow one another");
    return code;
  }

  /** As `upstream/flight.ts` does with a reply that it takes. */
  async #relay(input: Uint8Array, query: Query): Promise<number> {
    const scan = this.#scan;
    const sections = scan.answerCount + scan.authorityCount * 16 + scan.additionalCount * 256;
    const shape = (Math.min(sections, 0xfff) << 8) | ((scan.optAt < 0 ? 0 : 1) << 20) | (scan.rcode << 21);
    if (scan.extendedRcode > RCODE_MASK || scan.nameLength === 0) return UNUSABLE | shape;
    const inOrder = answerInOrder(input, 0, scan);
    const plain = removeOpt(input, scan);
    if (typeof plain === "number") return UNUSABLE | shape;
    this.#checkMessage(plain, "a message without its OPT");
    check(this.#other.optAt < 0, "removed is removed");
    if (inOrder) check(answerInOrder(plain, 0, this.#other), "order does not depend on the OPT");
    const wire = inOrder ? plain : scrubAnswer(plain, this.#other);
    if (typeof wire === "number") return UNUSABLE | shape;
    this.#checkMessage(wire, "a scrubbed message");
    check(inOrder || scrubAnswer(wire, this.#other) === wire || this.#isScrubbed(wire), "scrubbed is scrubbed");
    this.#checkCutting(wire);
    return this.#throughCache(wire.slice(), query, shape);
  }

  #isScrubbed(wire: Uint8Array): boolean {
    const again = scrubAnswer(wire, this.#other);
    return typeof again !== "number" && again.length === wire.length;
  }

  /** Fills `#other`. */
  #checkMessage(wire: Uint8Array, what: string): void {
    check(scanResponse(wire, 0, wire.length, this.#other) === 0, `${what} is whole`);
    check(this.#other.end === wire.length, `${what} has no bytes over`);
  }

  #checkCutting(wire: Uint8Array): void {
    const slab = this.#slab;
    const before = this.#other;
    const { answerCount, answerEnd, questionEnd } = before;
    const records = answerCount + before.authorityCount + before.additionalCount;
    slab.place(wire, 1);
    shuffleAddresses(slab.bytes, slab.start, slab.start + questionEnd, answerCount, () => 0.4);
    slab.checkAround(wire, wire.length);
    this.#checkSlab(wire.length, "a shuffled message");
    check(before.answerEnd === answerEnd && before.answerCount === answerCount, "shuffling adds and removes nothing");
    for (const limit of wire.length > DECODED_MAX_BYTES ? LIMITS.slice(1, 2) : LIMITS) {
      slab.place(wire, 1);
      const length = truncateByRrset(slab.bytes, slab.start, wire.length, limit);
      slab.checkAround(wire, wire.length);
      check(length <= limit || length <= questionEnd, "a cut message fits");
      if (length === wire.length) continue;
      this.#checkSlab(length, "a cut message");
      const cut = (wordAt(slab.bytes, slab.start + FLAGS_AT) & FLAG_TC) !== 0;
      check(cut || before.answerCount === answerCount, "a message that lost answers says so");
      check(before.answerCount + before.authorityCount + before.additionalCount < records, "cutting drops records");
    }
  }

  #checkSlab(length: number, what: string): void {
    const slab = this.#slab;
    check(scanResponse(slab.bytes, slab.start, length, this.#other) === 0, `${what} is whole`);
    check(this.#other.end === length, `${what} has no bytes over`);
  }

  async #throughCache(wire: Uint8Array, query: Query, shape: number): Promise<number> {
    const bench = this.#bench;
    // What an earlier input left under this question would answer instead.
    bench.forget(query);
    const sent = wire.slice();
    const first = await bench.ask(query, () => ({ wire, plugin: "forward" }));
    check(Buffer.compare(wire, sent) === 0, "the cache leaves the message as it is");
    const length = this.#finish(query, first);
    const records = this.#out.slice(0, length);
    bench.serve(query.wire);
    bench.io.checkAround();
    if (bench.relayedLength >= 0) return ANSWERED | shape;
    const hit = bench.io.answer;
    this.#checkMessage(hit, "a hit");
    // AA is the authority's, not the cache's; AD, rcode and all records are the answer's.
    const flags = FLAG_TC | FLAG_QR | FLAG_RD | RCODE_MASK;
    check(
      (wordAt(hit, FLAGS_AT) & flags) === (wordAt(records, FLAGS_AT) & flags),
      "a hit has the first answer's flags",
    );
    check(Buffer.compare(hit.subarray(4), records.subarray(4)) === 0, "a hit is what the first client got");
    const again = await bench.ask(query, () => {
      throw new Error("the fast path hit where the chain missed");
    });
    const longer = this.#finish(query, again);
    check(Buffer.compare(this.#out.subarray(0, longer), hit) === 0, "the chain's hit is the fast path's");
    return CACHED | shape;
  }

  #finish(query: Query, answer: Answer): number {
    const length = finishReply(query, answer, this.#out);
    check(length <= replyLimit(query), "a reply fits what the client takes");
    this.#checkMessage(this.#out.subarray(0, length), "a reply");
    const hasOpt = this.#other.optAt >= 0;
    check(hasOpt === query.view.hasOpt, "a reply has an OPT when the query has one");
    check(wordAt(this.#out, ARCOUNT_AT) >= (hasOpt ? 1 : 0), "the OPT is counted");
    return length;
  }
}

/** A query that the message may be the reply to: with its question, if that can be read. */
function queryOf(input: Uint8Array, bits: number): Query {
  const length = nameLength(input, 12, input.length);
  const readable = wordAt(input, 4) === 1 && length > 0 && 12 + length + 4 <= input.length;
  const name = readable ? input.slice(12, 12 + length) : Uint8Array.of(0);
  const at = 12 + length;
  const make = (type: number, dnsClass: number): [Uint8Array, QueryView, number] => {
    const wire = buildQuery(name, type, dnsClass, {
      id: wordAt(input, 0),
      recursionDesired: true,
      checkingDisabled: (bits & 1) !== 0,
      authenticData: (bits & 2) !== 0,
      dnssecOk: (bits & 4) !== 0,
      udpSize: (bits & 4) !== 0 ? 1232 : (bits & 16) !== 0 ? 600 : undefined,
    });
    const view = new QueryView();
    return [wire, view, admitQuery(wire, 0, wire.length, view)];
  };
  let [wire, view, verdict] = make(readable ? wordAt(input, at) : 1, readable ? wordAt(input, at + 2) : 1);
  // Nothing that is refused is ever asked.
  if (verdict !== VERDICT_ACCEPT || view.qclass !== 1) [wire, view, verdict] = make(1, 1);
  check(verdict === VERDICT_ACCEPT, "our own query is accepted");
  return new Query(wire, view, "udp", testServer, ".", CLIENT, 1_000_000);
}

/** The scan and the decoder agree, and what was decoded can be written. */
function checkDecoder(input: Uint8Array, code: number, scan: ResponseScan): void {
  let whole: Message;
  try {
    whole = decodeMessage(input);
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    check(code < 0, "what passes the scan can be decoded");
    return;
  }
  check(code === 0 || whole.question.length > 1, "what can be decoded passes the scan");
  if (code < 0) return;
  check(whole.answers.length === scan.answerCount, "answers are counted alike");
  check(whole.authority.length === scan.authorityCount, "authority is counted alike");
  check(whole.additional.length === scan.additionalCount, "additional records are counted alike");
  check(whole.rcode === scan.extendedRcode, "the response code is read alike");
  let written: Uint8Array;
  try {
    written = encodeMessage(whole);
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    return;
  }
  const again = decodeMessage(written);
  check(again.answers.length === whole.answers.length, "what is written has all answers");
  check(encodeMessage(again).length === written.length, "what is written again is the same");
}
