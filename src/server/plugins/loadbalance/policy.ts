/** Ways to order the records of an answer. */
import { ANCOUNT_AT, ARCOUNT_AT, NSCOUNT_AT, readU16 } from "../../../dns/header.ts";
import { decodeMessage, encodeMessage, type Message } from "../../../dns/message.ts";
import { MessageError } from "../../../dns/message-error.ts";
import { skipName } from "../../../dns/name.ts";
import { shuffleAddresses } from "../../../dns/shuffle.ts";
import { TYPE_CNAME, TYPE_MX, TYPE_RRSIG } from "../../../dns/types.ts";
import { preferredSection, shuffledSection, type Subnet } from "./section-order.ts";
import { type Weights, weightedSection } from "./weights.ts";

/** Gives the next number, 0 up to but not 1. */
export type Random = () => number;

/**
 * The message with its records in a new order.
 *
 * @param wire well formed, without OPT; not changed
 * @param questionEnd offset of the first record
 */
export type Policy = (wire: Uint8Array, questionEnd: number) => Uint8Array;

/** Addresses and mail exchanges in an order of chance, aliases first. */
export function roundRobin(random: Random): Policy {
  const byRecord = takenApart((message) => ({
    ...message,
    answers: shuffledSection(message.answers, random),
    additional: shuffledSection(message.additional, random),
  }));
  return (wire, questionEnd) => {
    if (countOf(wire, ANCOUNT_AT) + countOf(wire, ARCOUNT_AT) < 2) return wire;
    const additionalAt = afterUsualOrder(wire, questionEnd);
    if (additionalAt < 0) return byRecord(wire, questionEnd);
    const copy = wire.slice();
    shuffleAddresses(copy, 0, questionEnd, countOf(wire, ANCOUNT_AT), random);
    shuffleAddresses(copy, 0, additionalAt, countOf(wire, ARCOUNT_AT), random);
    return copy;
  };
}

/** One address in front by a chance that its weight gives. */
export function weighted(weights: () => Weights, random: Random): Policy {
  return takenApart((message) => ({
    ...message,
    answers: weightedSection(message.answers, weights(), random),
    additional: weightedSection(message.additional, weights(), random),
  }));
}

/** After `policy`, addresses of these subnets come first. */
export function preferring(subnets: readonly Subnet[], policy: Policy): Policy {
  const prefer = takenApart((message) => ({
    ...message,
    answers: preferredSection(message.answers, subnets),
    additional: preferredSection(message.additional, subnets),
  }));
  return (wire, questionEnd) => prefer(policy(wire, questionEnd), questionEnd);
}

function countOf(wire: Uint8Array, at: number): number {
  return readU16(wire, at);
}

function takenApart(order: (message: Message) => Message): Policy {
  return (wire) => {
    try {
      return encodeMessage(order(decodeMessage(wire)));
    } catch (error) {
      // Names compress otherwise in another order: the largest of messages may no longer fit, and stay as they are.
      if (error instanceof MessageError) return wire;
      throw error;
    }
  };
}

/**
 * Whether a message has its aliases in front and at most one mail exchange in a section: then only data of addresses
 * has to change places.
 *
 * @returns offset of the additional section, or -1 when it has not
 */
function afterUsualOrder(wire: Uint8Array, questionEnd: number): number {
  const answerEnd = skipUsual(wire, questionEnd, countOf(wire, ANCOUNT_AT));
  if (answerEnd < 0) return -1;
  const additionalAt = skipUsual(wire, answerEnd, countOf(wire, NSCOUNT_AT));
  if (additionalAt < 0) return -1;
  return skipUsual(wire, additionalAt, countOf(wire, ARCOUNT_AT)) < 0 ? -1 : additionalAt;
}

function skipUsual(wire: Uint8Array, at: number, count: number): number {
  let cursor = at;
  let aliasesOver = false;
  let exchanges = 0;
  for (let i = 0; i < count; i++) {
    const typeAt = skipName(wire, cursor, wire.length);
    if (typeAt < 0) return -1;
    const type = readU16(wire, typeAt);
    if (type === TYPE_CNAME && aliasesOver) return -1;
    if (type === TYPE_MX && ++exchanges > 1) return -1;
    // The signature of an alias may stand behind it.
    if (type !== TYPE_CNAME && type !== TYPE_RRSIG) aliasesOver = true;
    cursor = typeAt + 10 + readU16(wire, typeAt + 8);
  }
  return cursor;
}
