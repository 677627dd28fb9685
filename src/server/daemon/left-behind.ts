/**
 * What servers leave behind that die: queries that they had received and not answered. The standby takes them in hand at once
 * (`keeper/standby.ts`), and leaves to the next server what only a server can answer.
 */
import type { Clock } from "../../base/clock.ts";
import { adoptRegion } from "../../linux/adopt-region.ts";
import type { SharedRegion } from "../../linux/shared-region.ts";
import type { FfiFront } from "../fastpath/ffi-front.ts";
import { drainRing } from "../fastpath/left-queries.ts";
import { LEFT_PREFIX, STANDBY_RING_NAME } from "../keeper/names.ts";
import type { KeeperLink } from "./keeper-link.ts";

/** Older queries have nobody who waits for them. */
const AGE_MAX_MS = 5000;
/** Between two looks into the standby's ring, milliseconds. */
const LOOK_MS = 20;
/** Taken at one look: what is answered at once is in flight until it ends, and the ring holds more than may be. */
const TAKEN_MAX = 1024;

export class LeftBehind {
  readonly #front: FfiFront;
  readonly #clock: Clock;
  /** Misses of the time between two servers; undefined when the keeper has no standby. */
  readonly #standbyRing: SharedRegion | undefined;
  #looker: NodeJS.Timeout | undefined;

  /** From now on this server's own are left to the next. */
  constructor(keeper: KeeperLink, front: FfiFront, clock: Clock) {
    this.#front = front;
    this.#clock = clock;
    const [ring] = keeper.takeAll(STANDBY_RING_NAME);
    this.#standbyRing = ring === undefined ? undefined : adoptRegion(ring.fd);
    this.#looker = undefined;
    for (const [name, handle] of front.regions) {
      if (handle.kind === "memfd") keeper.keep(`${LEFT_PREFIX}${keeper.generation}/${name}`, {}, handle.fd);
    }
  }

  /** To be called when the listeners are in use: asks what the standby could not answer. */
  begin(): void {
    this.look();
    const untilMs = this.#clock.monotonicMs() + AGE_MAX_MS;
    this.#looker = setInterval(() => {
      this.look();
      if (this.#clock.monotonicMs() > untilMs) clearInterval(this.#looker);
    }, LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#looker);
    this.#standbyRing?.close();
  }

  /** Asks what is there now, the first of it. */
  look(): void {
    if (this.#standbyRing === undefined) return;
    const since = this.#clock.monotonicMs() - AGE_MAX_MS;
    drainRing(
      this.#standbyRing.buffer,
      (query) => {
        if (query.receivedAtMs >= since) this.#front.askAgain(query);
      },
      TAKEN_MAX,
    );
  }
}
