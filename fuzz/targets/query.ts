/**
 * What clients send: admission, refusals, and the whole fast path over a cache that holds some answers.
 */
import { decodeMessage } from "../../src/dns/message.ts";
import { FLAG_AA, FLAG_AD, FLAG_QR, FLAG_RA, FLAG_TC, FLAG_Z, OPCODE_MASK } from "../../src/dns/header.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT, VERDICT_DROP } from "../../src/dns/query-view.ts";
import { writeRefusal } from "../../src/dns/refusal.ts";
import { RCODE_BADVERS, RCODE_FORMERR, RCODE_NOTIMP, RCODE_NXDOMAIN, RCODE_REFUSED } from "../../src/dns/types.ts";
import { responseTo, soaLine } from "../../test/support/responses.ts";
import { testQuery } from "../../test/support/setup-context.ts";
import { CacheBench } from "../cache-bench.ts";
import { KNOWN_NAMES, QUERIES } from "../corpus/queries.ts";
import { GuardedSlab } from "../guarded-slab.ts";
import { mapMessage, wordAt } from "../message-map.ts";
import { SLOT_ROOM_BYTES } from "../memory-io.ts";
import { mutateMessage } from "../mutate-message.ts";
import { check, type Target } from "../target.ts";

const OUTCOMES = ["dropped", "formerr", "notimp", "refused", "badvers", "relayed", "hit", "oversized"] as const;
const REFUSALS = new Map<number, (typeof OUTCOMES)[number]>([
  [RCODE_FORMERR, "formerr"],
  [RCODE_NOTIMP, "notimp"],
  [RCODE_REFUSED, "refused"],
  [RCODE_BADVERS, "badvers"],
]);
const SERVER_UDP_SIZE = 1232;
const TYPES = ["A", "AAAA", "TXT", "SRV"] as const;
/** Longer than the fast path's slots, so that what is too long comes too. */
const MAX_BYTES = SLOT_ROOM_BYTES + 64;

export async function queryTarget(): Promise<Target> {
  const bench = await CacheBench.create();
  await fill(bench);
  // Answers that are some seconds old get their TTLs written into the copy.
  bench.clock.advanceMs(3000);
  const slab = new GuardedSlab(MAX_BYTES);
  const views: [QueryView, QueryView] = [new QueryView(), new QueryView()];
  return {
    name: "query",
    form: "hex",
    corpus: QUERIES,
    maxBytes: MAX_BYTES,
    slowMs: 5,
    outcomes: OUTCOMES,
    mutate: mutateMessage,
    run: (input) => {
      const verdict = admitTwice(slab, views, input);
      const view = views[0];
      if (verdict === VERDICT_ACCEPT) checkReading(input, view);
      if (verdict > 0) checkRefusal(slab, input, view, verdict);
      const outcome = throughFastPath(bench, input, view, verdict);
      const shape = (view.hasOpt ? 1 : 0) | (view.dnssecOk ? 2 : 0) | (Math.min(view.optionsLength, 15) << 2);
      return outcome | (shape << 8) | ((view.qtype & 0xff) << 14);
    },
  };
}

/** Answers, denials, and one that is too long for a datagram, plain and for DNSSEC. */
async function fill(bench: CacheBench): Promise<void> {
  for (const name of KNOWN_NAMES) {
    for (const type of TYPES) {
      for (const dnssecOk of [false, true]) {
        const query = testQuery(name, type, { dnssecOk });
        const long = Array.from({ length: 90 }, (_, i) => `@ 300 IN A 192.0.2.${i}`);
        const address = name.startsWith("big.") ? long : ["@ 300 IN A 192.0.2.1", "@ 300 IN A 192.0.2.2"];
        const answers = type === "A" ? address : [];
        const negative = { authority: [soaLine(300, 300)] };
        const wire = name.startsWith("missing.")
          ? responseTo(query, { rcode: RCODE_NXDOMAIN, ...negative })
          : responseTo(query, answers.length > 0 ? { answers, flags: FLAG_AD } : negative);
        await bench.ask(query, () => ({ wire, plugin: "forward" }));
      }
    }
  }
}

/** With other bytes around it, a message means the same. */
function admitTwice(slab: GuardedSlab, views: readonly [QueryView, QueryView], input: Uint8Array): number {
  const [view, again] = views;
  slab.place(input, 0);
  const verdict = admitQuery(slab.bytes, slab.start, input.length, view);
  slab.checkUnchanged(input);
  slab.place(input, 1);
  check(
    admitQuery(slab.bytes, slab.start, input.length, again) === verdict,
    "the verdict does not depend on what follows",
  );
  slab.checkUnchanged(input);
  check(verdict === VERDICT_ACCEPT || verdict === VERDICT_DROP || REFUSALS.has(verdict), "a verdict is one of six");
  if (verdict === VERDICT_DROP) return verdict;
  const same =
    view.id === again.id &&
    view.flags === again.flags &&
    view.nameLength === again.nameLength &&
    view.qtype === again.qtype &&
    view.qclass === again.qclass &&
    view.questionEnd === again.questionEnd &&
    view.hasOpt === again.hasOpt &&
    view.udpSize === again.udpSize &&
    view.dnssecOk === again.dnssecOk &&
    view.ednsVersion === again.ednsVersion &&
    view.optionsAt === again.optionsAt &&
    view.optionsLength === again.optionsLength;
  check(same, "what is read does not depend on what follows");
  return verdict;
}

/** What was accepted is what the decoder reads. */
function checkReading(input: Uint8Array, view: QueryView): void {
  const whole = decodeMessage(input);
  const [question] = whole.question;
  check(whole.question.length === 1 && question !== undefined, "an accepted query has one question");
  check(question.type === view.qtype && question.class === view.qclass, "type and class are the decoder's");
  check(question.name.length === view.nameLength, "the name is the decoder's");
  check(mapMessage(input).questionEnd === view.questionEnd, "the question ends where it ends");
  check((whole.edns !== undefined) === view.hasOpt, "there is an OPT if there is one");
  if (whole.edns === undefined) return;
  check(Math.max(whole.edns.udpSize, 512) === view.udpSize, "the UDP size is the decoder's");
  check(whole.edns.dnssecOk === view.dnssecOk, "DO is the decoder's");
  const optionBytes = whole.edns.options.reduce((sum, { data }) => sum + 4 + data.length, 0);
  check(optionBytes === view.optionsLength, "options are whole");
}

function checkRefusal(slab: GuardedSlab, input: Uint8Array, view: QueryView, rcode: number): void {
  slab.place(input, 1);
  const length = writeRefusal(slab.bytes, slab.start, view, rcode);
  slab.checkAround(input, length);
  check(length <= input.length, "a refusal is no longer than the query");
  const reply = slab.bytes.subarray(slab.start, slab.start + length);
  checkReply(reply, input, view);
  const whole = decodeMessage(reply);
  check(whole.rcode === (view.hasOpt ? rcode : rcode & 15), "a refusal has its response code");
  check(whole.answers.length + whole.authority.length + whole.additional.length === 0, "a refusal has no records");
  check(whole.question.length === (view.questionEnd === 0 ? 0 : 1), "a refusal has the question that could be read");
}

/** What every reply keeps to. */
function checkReply(reply: Uint8Array, input: Uint8Array, view: QueryView): void {
  const flags = wordAt(reply, 2);
  check(wordAt(reply, 0) === wordAt(input, 0), "a reply has the query's id");
  check((flags & FLAG_QR) !== 0, "a reply has QR");
  check((flags & OPCODE_MASK) === (wordAt(input, 2) & OPCODE_MASK), "a reply has the query's opcode");
  check((flags & FLAG_Z) === 0, "a reply has no Z");
  if (view.questionEnd > 0) {
    const same = Buffer.compare(reply.subarray(12, view.questionEnd), input.subarray(12, view.questionEnd)) === 0;
    check(same, "a reply has the question as it was spelled");
  }
  const { edns } = decodeMessage(reply);
  check((edns !== undefined) === view.hasOpt, "a reply has an OPT when the query has one");
  if (edns === undefined) return;
  check(edns.version === 0 && edns.udpSize === SERVER_UDP_SIZE, "the OPT is our own");
  check(edns.dnssecOk === view.dnssecOk && edns.options.length === 0, "DO is echoed, options are not");
}

/** @returns index of the outcome */
function throughFastPath(bench: CacheBench, input: Uint8Array, view: QueryView, verdict: number): number {
  const { io } = bench;
  bench.serve(input);
  io.checkAround();
  const outcome = (word: (typeof OUTCOMES)[number]): number => OUTCOMES.indexOf(word);
  if (input.length > SLOT_ROOM_BYTES) {
    check(io.replyLength === 0 && bench.relayedLength < 0, "what is too long is dropped");
    return outcome("oversized");
  }
  if (verdict === VERDICT_DROP) {
    check(io.replyLength === 0 && bench.relayedLength < 0, "what is dropped gets no reply");
    return outcome("dropped");
  }
  if (bench.relayedLength >= 0) {
    check(verdict === VERDICT_ACCEPT && io.replyLength === 0, "only what is accepted is relayed");
    check(bench.relayedLength === input.length, "what is relayed is whole");
    const there = io.bytes.subarray(io.slotAt(), io.slotAt() + input.length);
    check(Buffer.compare(there, input) === 0, "what is relayed is as it came");
    return outcome("relayed");
  }
  const reply = io.answer;
  check(reply.length > 0, "what is neither dropped nor relayed is answered");
  checkReply(reply, input, view);
  if (verdict !== VERDICT_ACCEPT) {
    check(reply.length <= input.length, "a refusal by the fast path is no longer than the query");
    return outcome(REFUSALS.get(verdict) ?? "refused");
  }
  const flags = wordAt(reply, 2);
  check(reply.length <= Math.min(view.udpSize, SERVER_UDP_SIZE), "a hit fits what the client takes");
  check((flags & FLAG_RA) !== 0 && (flags & FLAG_AA) === 0, "a hit has RA and not AA");
  check((flags & FLAG_AD) === 0 || view.dnssecOk || (view.flags & FLAG_AD) !== 0, "AD goes to who asked for it");
  const { answers, authority } = decodeMessage(reply);
  check((flags & FLAG_TC) !== 0 || answers.length + authority.length > 0, "a hit has records or is cut");
  for (const { ttl } of [...answers, ...authority]) check(ttl === 297, "TTLs have aged");
  return outcome("hit");
}
