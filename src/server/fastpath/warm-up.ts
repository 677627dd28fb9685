/**
 * Running the hot loop before the first client needs it.
 *
 * V8 interprets a function until it has run often, and the interpreter takes some 40 µs for what compiled code does in 0.3. A
 * node with few queries would stay there for minutes. So a new thread, whenever nothing waits, sends itself queries over
 * a socket pair of its own and answers them with the code, the classes and the store of the real loop, but with
 * counters that nobody reads. The main thread has planted the answers (`plant-warm-up.ts`).
 */
import type { Clock } from "../../base/clock.ts";
import { HEADER_BYTES } from "../../dns/header.ts";
import type { DatagramBatch } from "../../linux/datagram-batch.ts";
import { closeFd, writeFd } from "../../linux/fd.ts";
import type { AnswerReader } from "../cache/answer-reader.ts";
import { FastpathCounters } from "../metrics/fastpath-counters.ts";
import { ServerRows } from "../metrics/server-rows.ts";
import { FastPath, type Relay } from "./fast-path.ts";
import { MmsgIo } from "./mmsg-io.ts";
import type { WarmUpPlan, WarmUpSockets } from "./thread-messages.ts";
import { ZoneTable } from "./zone-table.ts";

const QUERIES_A_STEP = 32;
/**
 * Enough for V8 to compile the loop with all that it calls (seen with --trace-opt: from about 3,000 queries on), both for what comes for
 * the first time and for what is repeated: 24 and 40 of two steps.
 */
const STEPS = 260;
const NO_LISTENER = -1;

export interface WarmUpParts {
  readonly clock: Clock;
  readonly reader: AnswerReader;
  readonly batch: DatagramBatch;
  /** Only for what the store let go of meanwhile; the main thread knows no listener of that id. */
  readonly relay: Relay;
  readonly plan: WarmUpPlan;
  /** Closed by `close`. */
  readonly sockets: WarmUpSockets;
}

export class WarmUp {
  readonly #batch: DatagramBatch;
  readonly #fastPath: FastPath;
  readonly #zones: ZoneTable;
  readonly #sockets: WarmUpSockets;
  readonly #io: MmsgIo;
  readonly #queries: readonly Uint8Array[];
  #stepsLeft: number;

  constructor(parts: WarmUpParts) {
    const { plan, sockets } = parts;
    this.#batch = parts.batch;
    this.#fastPath = new FastPath({
      clock: parts.clock,
      reader: parts.reader,
      rows: ServerRows.create(1),
      counters: FastpathCounters.create(1),
      thread: 0,
      relay: parts.relay,
    });
    this.#zones = new ZoneTable([{ name: plan.zone, partition: plan.partition, row: 0, slow: false }]);
    this.#sockets = sockets;
    this.#io = new MmsgIo(parts.batch, sockets.serverFd, false, NO_LISTENER);
    this.#queries = plan.queries;
    this.#stepsLeft = STEPS;
  }

  /** One batch: about a millisecond. @returns false when it was the last and everything is closed */
  step(): boolean {
    if (this.#stepsLeft-- <= 0) {
      this.close();
      return false;
    }
    if (this.#stepsLeft % 2 === 1) this.#spellAnew(this.#stepsLeft >> 1);
    const { clientFd } = this.#sockets;
    const { pairs, blockedSends, refusedSends } = this.#batch;
    for (let i = 0; i < QUERIES_A_STEP; i++) {
      const query = this.#queries[(i + this.#stepsLeft) % this.#queries.length];
      if (query !== undefined) writeFd(clientFd, query);
    }
    while (this.#fastPath.serve(this.#io, NO_LISTENER, this.#zones) > 0);
    // Flushed, though there is nothing to send: what stood in the batch when a server is killed would be asked again.
    while (this.#batch.receive(clientFd, false) > 0) this.#batch.flush(clientFd);
    // Its own replies are not what the batch's figures are about.
    Object.assign(this.#batch, { pairs, blockedSends, refusedSends });
    return true;
  }

  /** Letters large and small in another pattern, so that these queries are new ones to `RepeatedQueries`. */
  #spellAnew(pattern: number): void {
    const changed = pattern ^ (pattern + 1);
    for (const query of this.#queries) {
      let letter = 0;
      for (let i = HEADER_BYTES; query[i] !== 0; i++) {
        if (((query[i] ?? 0) | 0x20) < 0x61) continue;
        if (((changed >> (letter++ & 7)) & 1) !== 0) query[i] = (query[i] ?? 0) ^ 0x20;
      }
    }
  }

  close(): void {
    closeFd(this.#sockets.serverFd);
    closeFd(this.#sockets.clientFd);
  }
}
