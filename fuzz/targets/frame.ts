/** Streams of messages with their lengths: the same messages however the network cuts the stream. */
import { FrameReader } from "../../src/dns/frame.ts";
import { QUERIES } from "../corpus/queries.ts";
import { mutateMessage, splice } from "../mutate-message.ts";
import { hashBytes, Random } from "../random.ts";
import { check, type Target } from "../target.ts";

const OUTCOMES = ["whole", "unfinished", "broken"] as const;
const MAX_BYTES = 70_000;

export function frameTarget(): Target {
  return {
    name: "frame",
    form: "hex",
    corpus: [
      ...QUERIES.map((query) => framed(query)),
      framed(...QUERIES),
      Uint8Array.of(255, 255),
      Uint8Array.of(0, 0),
    ],
    maxBytes: MAX_BYTES,
    slowMs: 5,
    outcomes: OUTCOMES,
    mutate: (input, random, inputs) => {
      if (random.oneIn(3)) return splice(input, random.below(input.length), 2, [0, random.pick([0, 1, 12, 255])]);
      return mutateMessage(input, random, inputs);
    },
    run: (input) => {
      const whole = read(input, [input.length]);
      const pieces = read(input, piecesOf(input));
      check(whole.code === pieces.code, "the end does not depend on the pieces");
      check(whole.inMessage === pieces.inMessage, "what is unfinished does not depend on the pieces");
      check(whole.messages.length === pieces.messages.length, "as many messages in any pieces");
      for (const [i, message] of whole.messages.entries()) {
        check(message.length > 0, "no message is empty");
        check(message.equals(pieces.messages[i] ?? Buffer.alloc(0)), "a message is the same in any pieces");
      }
      const outcome = whole.code < 0 ? "broken" : whole.inMessage ? "unfinished" : "whole";
      return OUTCOMES.indexOf(outcome) | (Math.min(whole.messages.length, 255) << 8);
    },
  };
}

function framed(...messages: readonly Uint8Array[]): Uint8Array {
  const parts = messages.flatMap((message) => [Uint8Array.of(message.length >> 8, message.length), message]);
  return new Uint8Array(Buffer.concat(parts));
}

interface Reading {
  readonly code: number;
  readonly inMessage: boolean;
  readonly messages: readonly Buffer[];
}

function read(input: Uint8Array, pieces: readonly number[]): Reading {
  const reader = new FrameReader();
  const messages: Buffer[] = [];
  let at = 0;
  let code = 0;
  for (const piece of pieces) {
    // A copy, which is overwritten: a message that was promised to be valid during the call only must not be kept.
    const chunk = input.slice(at, at + piece);
    at += piece;
    code = reader.push(chunk, (message) => messages.push(Buffer.from(message)));
    chunk.fill(0xee);
    if (code < 0) break;
  }
  return { code, inMessage: code === 0 && reader.inMessage, messages };
}

/** Pieces of a byte to some hundred. */
function piecesOf(input: Uint8Array): number[] {
  const random = new Random(hashBytes(input));
  // Not more than some hundred of them: what is tried is where pieces end, not how long many take.
  const most = Math.max(random.pick([1, 2, 3, 50, 1500]), input.length >> 8);
  const pieces: number[] = [];
  for (let left = input.length; left > 0;) {
    const piece = Math.min(left, 1 + random.below(most));
    pieces.push(piece);
    left -= piece;
  }
  return pieces;
}
