/**
 * Whether questions are answered here: each server block is asked, as a client would, until it knows something.
 *
 * A server that is only up and fails every question is worse for a node than none: then nobody is asked at all.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { writeSockaddr, SOCKADDR_MAX_BYTES } from "../../base/address.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { nameFromText } from "../../dns/name-text.ts";
import { buildQuery } from "../../dns/query-builder.ts";
import { admitQuery, QueryView, VERDICT_ACCEPT } from "../../dns/query-view.ts";
import {
  CLASS_IN,
  RCODE_SERVFAIL,
  TYPE_A,
  TYPE_AAAA,
  TYPE_MX,
  TYPE_NS,
  TYPE_SOA,
  TYPE_SRV,
  TYPE_TXT,
} from "../../dns/types.ts";
import { Query } from "../chain/query.ts";
import type { Block } from "./block.ts";

/** One after the other: a failure is cached with its question for a while. */
const TYPES = [TYPE_NS, TYPE_SOA, TYPE_A, TYPE_AAAA, TYPE_TXT, TYPE_MX, TYPE_SRV];
const PAUSE_MS = 500;
/** After some rounds of silence: each is a line of the `errors` plugin. */
const LONG_PAUSE_MS = 2000;
const QUICK_ROUNDS = 8;
/** From then on one block that answers is enough: a cluster may have no way out. */
const PATIENCE_MS = 3000;

export interface AnswerProbeParts {
  /** Those in use. */
  readonly blocks: () => readonly Block[];
  readonly clock: Clock;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Waits until all blocks have answered, or, after three seconds, at least one. Never rejects.
 *
 * @returns false when it was ended before
 */
export async function untilAnswers({ blocks, clock, log, signal }: AnswerProbeParts): Promise<boolean> {
  const startedAtMs = clock.monotonicMs();
  const answered = new Set<string>();
  let told = false;
  for (let round = 0; ; round++) {
    const waiting = blocks().filter((block) => !answered.has(nameOf(block)));
    const type = TYPES[round % TYPES.length] ?? TYPE_NS;
    await Promise.race([
      Promise.all(
        waiting.map(async (block) => {
          if (await answers(block, type, clock)) answered.add(nameOf(block));
        }),
      ),
      sleep(PATIENCE_MS, undefined, { ref: false }),
    ]);
    if (signal.aborted) return false;
    const silent = blocks()
      .map(nameOf)
      .filter((name) => !answered.has(name));
    if (silent.length === 0) return true;
    if (clock.monotonicMs() - startedAtMs >= PATIENCE_MS) {
      if (answered.size > 0) {
        log.warning(`no upstream of ${silent.join(", ")} answers`);
        return true;
      }
      if (!told) log.warning("no upstream answers: the node's queries are left to others until one does");
      told = true;
    }
    await sleep(round < QUICK_ROUNDS ? PAUSE_MS : LONG_PAUSE_MS, undefined, { ref: false });
    if (signal.aborted) return false;
  }
}

/** The same over a reload. */
function nameOf(block: Block): string {
  return block.keys.map(({ zone, port }) => `${zone}:${port}`).join(" ");
}

/** Whether the block has anything but a failure to say about its zone. */
async function answers(block: Block, type: number, clock: Clock): Promise<boolean> {
  const [key] = block.keys;
  const [server] = block.servers;
  if (key === undefined || server === undefined) return true;
  const wire = buildQuery(nameFromText(key.zone), type, CLASS_IN);
  const view = new QueryView();
  if (admitQuery(wire, 0, wire.length, view) !== VERDICT_ACCEPT) throw new Error("a probe that is no query");
  const from = new Uint8Array(SOCKADDR_MAX_BYTES);
  writeSockaddr(from, 0, server.address.includes(":") ? "::1" : "127.0.0.1", 0);
  try {
    const answer = await block.chain.serve(new Query(wire, view, "udp", server, key.zone, from, clock.monotonicMs()));
    return answer.dropped === true || ((answer.wire[3] ?? 0) & 0xf) !== RCODE_SERVFAIL;
  } catch {
    // A defect in a handler, which a client's query will show too.
    return true;
  }
}
