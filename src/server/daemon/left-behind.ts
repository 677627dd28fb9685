/**
 * What servers leave behind that die: queries that they had received and not answered. The next one asks them again; a client
 * that gets two answers takes the first.
 */
import type { Clock } from "../../base/clock.ts";
import { adoptRegion } from "../../linux/adopt-region.ts";
import { closeFd } from "../../linux/fd.ts";
import type { SharedRegion } from "../../linux/shared-region.ts";
import type { FfiFront } from "../fastpath/ffi-front.ts";
import { leftInBatch, leftInRing, type LeftQuery } from "../fastpath/left-queries.ts";
import { leftInPending } from "../fastpath/pending-queries.ts";
import { LEFT_PREFIX, STANDBY_RING_NAME } from "../keeper/names.ts";
import type { KeeperLink, KeptItem } from "./keeper-link.ts";

/** Older queries have nobody who waits for them. */
const AGE_MAX_MS = 5000;
/** Between two looks into the standby's ring, milliseconds. */
const LOOK_MS = 20;

export class LeftBehind {
  readonly #keeper: KeeperLink;
  readonly #front: FfiFront;
  readonly #clock: Clock;
  /** Misses of the time between two servers; undefined when the keeper has no standby. */
  readonly #standbyRing: SharedRegion | undefined;
  readonly #dead: readonly KeptItem[];
  #looker: NodeJS.Timeout | undefined;

  /** From now on this server's own are left to the next. */
  constructor(keeper: KeeperLink, front: FfiFront, clock: Clock) {
    this.#keeper = keeper;
    this.#front = front;
    this.#clock = clock;
    const [ring] = keeper.takeAll(STANDBY_RING_NAME);
    this.#standbyRing = ring === undefined ? undefined : adoptRegion(ring.fd);
    this.#dead = keeper.takeAll(LEFT_PREFIX);
    this.#looker = undefined;
    for (const [name, handle] of front.regions) {
      if (handle.kind === "memfd") keeper.keep(`${LEFT_PREFIX}${keeper.generation}/${name}`, {}, handle.fd);
    }
  }

  /** To be called when the listeners are in use: asks again what was left. */
  takeOver(): void {
    const { previous } = this.#keeper;
    for (const { name, fd } of this.#dead) {
      const region = adoptRegion(fd);
      // A server that lives answers what it has.
      if (region !== undefined && previous === "dead") this.#askAgain(this.#leftIn(name, region));
      if (region === undefined) closeFd(fd);
      else region.close();
      this.#keeper.drop(name);
    }
    this.#lookIntoRing();
    this.#looker = setInterval(() => this.#lookIntoRing(), LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#looker);
    this.#standbyRing?.close();
  }

  #leftIn(name: string, { buffer }: SharedRegion): LeftQuery[] {
    const [, , kind] = name.split("/");
    switch (kind) {
      case "batch":
        return leftInBatch(buffer, this.#clock.monotonicMs());
      case "ring":
        return leftInRing(buffer);
      case "pending":
        return leftInPending(buffer);
      default:
        return [];
    }
  }

  #lookIntoRing(): void {
    if (this.#standbyRing !== undefined) this.#askAgain(leftInRing(this.#standbyRing.buffer));
  }

  #askAgain(left: readonly LeftQuery[]): void {
    const since = this.#clock.monotonicMs() - AGE_MAX_MS;
    this.#front.askAgain(left.filter(({ receivedAtMs }) => receivedAtMs >= since));
  }
}
