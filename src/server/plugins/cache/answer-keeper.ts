/**
 * What becomes of an answer on its way up through the cache: judged, its TTLs evened, stored if the rules say so.
 */
import { FLAG_CD, FLAG_RD, HEADER_BYTES } from "../../../dns/header.ts";
import { sameName } from "../../../dns/name.ts";
import { stampTtls } from "../../../dns/patch.ts";
import { ResponseScan, scanResponse } from "../../../dns/response-scan.ts";
import { removeOpt } from "../../../dns/without-opt.ts";
import type { Clock } from "../../../base/clock.ts";
import { CopyBlocks } from "../../../base/copy-blocks.ts";
import type { AnswerStore } from "../../cache/answer-store.ts";
import { KIND_DENIAL, KIND_FAILURE, KIND_SUCCESS } from "../../cache/region-layout.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Query } from "../../chain/query.ts";
import type { CacheSettings } from "./cache-settings.ts";
import type { CacheMetrics } from "./cache-metrics.ts";
import { BRIEF_FAILURE_S, classOf, isKept, isNews, type ResponseClass, ttlOf } from "./response-class.ts";
import { ZoneSet } from "./zone-set.ts";

/** An answer that went through the keeper. */
export interface KeptAnswer {
  /** What to give to the client. */
  readonly answer: Answer;
  readonly kind: ResponseClass;
  /** It may take the place of an expired answer. */
  readonly news: boolean;
}

export interface KeeperParts {
  readonly store: AnswerStore;
  readonly partition: number;
  readonly settings: CacheSettings;
  readonly metrics: CacheMetrics;
  readonly clock: Clock;
  /** AA of replies from the cache. */
  readonly authoritative: boolean;
}

export class AnswerKeeper {
  readonly #parts: KeeperParts;
  readonly #scan: ResponseScan;
  readonly #disabledSuccess: ZoneSet;
  readonly #disabledDenial: ZoneSet;
  readonly #nowUnixS: () => number;
  readonly #blocks: CopyBlocks;
  /** Equal questions that waited for one upstream query get one and the same answer, one after another. */
  #last: { from: Uint8Array; variant: number; kept: KeptAnswer } | undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#blocks = new CopyBlocks();
    this.#nowUnixS = () => parts.clock.wallMs() / 1000;
    this.#scan = new ResponseScan();
    this.#disabledSuccess = new ZoneSet(parts.settings.disabledSuccess);
    this.#disabledDenial = new ZoneSet(parts.settings.disabledDenial);
    this.#last = undefined;
  }

  /** @param answer to `query`, from below the cache; not changed */
  keep(query: Query, answer: Answer): KeptAnswer {
    const variant = (query.view.dnssecOk ? 1 : 0) | (query.view.flags & (FLAG_CD | FLAG_RD));
    if (this.#last?.from === answer.wire && this.#last.variant === variant) return this.#last.kept;
    const kept = this.#judge(query, answer);
    this.#last = { from: answer.wire, variant, kept };
    return kept;
  }

  #judge(query: Query, answer: Answer): KeptAnswer {
    const { settings, metrics } = this.#parts;
    const scan = this.#scan;
    const refused: KeptAnswer = { answer, kind: "other", news: false };
    if (answer.dropped === true) return refused;
    let wire = answer.wire;
    let code = scanResponse(wire, 0, wire.length, scan);
    if (code === 0 && scan.optAt >= 0) {
      const without = removeOpt(wire, scan);
      if (typeof without === "number") code = without;
      else {
        wire = without;
        code = scanResponse(wire, 0, wire.length, scan);
      }
    }
    if (code !== 0 || !isAnswerTo(query, wire, scan)) {
      metrics.drop(query);
      return refused;
    }
    const kind = classOf(scan, query.view.dnssecOk, this.#nowUnixS);
    let ttlS = ttlOf(kind, scan, settings);
    if (answer.error !== undefined && kind === "failure") ttlS = Math.min(ttlS, BRIEF_FAILURE_S);
    const capped = this.#blocks.copy(wire, 0, scan.end);
    stampTtls(capped, 0, scan.ttlAts, scan.ttlCount, ttlS);
    // A refusal of our own is about the moment (`max_concurrent`), not about the question.
    const ours = kind === "refusal" && answer.error !== undefined;
    if (isKept(kind, scan) && ttlS > 0 && !ours) this.#store(query, capped, kind, ttlS);
    return { answer: { ...answer, wire: capped }, kind, news: isNews(kind, scan) };
  }

  #store(query: Query, wire: Uint8Array, kind: ResponseClass, ttlS: number): void {
    const { store, partition, settings, metrics, authoritative } = this.#parts;
    // What was not to be resolved recursively may be a referral or a refusal: no answer to others' questions.
    if ((query.view.flags & FLAG_RD) === 0) return;
    const positive = kind === "answer" || kind === "referral";
    if ((positive ? this.#disabledSuccess : this.#disabledDenial).hasQuestion(query.wire)) return;
    const failure = kind === "failure" || kind === "refusal";
    const stored = store.put(query.wire, query.view, partition, wire, this.#scan, {
      kind: failure ? KIND_FAILURE : positive ? KIND_SUCCESS : KIND_DENIAL,
      ttlS,
      staleS: failure ? 0 : (settings.stale?.upToS ?? 0),
      deniesName: kind === "nxdomain" && this.#scan.hasSoa,
      aside: failure || (kind !== "answer" && this.#holdsPreferred(query)),
      keepTtl: settings.keepTtl,
      authoritative,
      answers: kind === "answer",
    });
    if (stored) metrics.stored(query);
  }

  /** Whether a positive answer is held that nothing but another may displace. */
  #holdsPreferred(query: Query): boolean {
    const { store, partition, settings } = this.#parts;
    if (settings.stale?.preferPositive !== true) return false;
    const slot = store.find(query.wire, query.view, partition);
    return slot >= 0 && store.answers(slot);
  }
}

/** Whether the response carries the question that was asked. */
function isAnswerTo(query: Query, wire: Uint8Array, scan: ResponseScan): boolean {
  const { view } = query;
  return (
    scan.nameLength === view.nameLength &&
    scan.qtype === view.qtype &&
    scan.qclass === view.qclass &&
    sameName(wire, HEADER_BYTES, query.wire, HEADER_BYTES, view.nameLength)
  );
}
