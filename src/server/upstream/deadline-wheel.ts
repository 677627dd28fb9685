/**
 * One coarse timer for many deadlines.
 *
 * A question in flight has a next moment at which something must happen to it (ask again, give up). Thousands of
 * runtime timers would cost more than the questions; here an entry is linked into the slot of its tick, and a tick
 * looks at one slot. Deadlines are kept to within one tick, never early.
 */
import type { Clock } from "../../base/clock.ts";

/** Resolution. */
export const TICK_MS = 20;
/** 256 ticks are 5.12 s; a later deadline is looked at once a round. */
const SLOTS = 256;
/** A timer that is so late means that the thread did not run: answers may lie unread in the sockets. */
const STALL_TICKS = 5;

/** What waits in a wheel: extend it, and `due` is called once, at or after the deadline. */
export abstract class WheelEntry {
  dueAtMs = 0;
  /** Neighbours in the slot; both are the entry itself while it is in none. Only the wheel writes them. */
  before: WheelEntry = this;
  after: WheelEntry = this;

  abstract due(nowMs: number): void;
}

class SlotHead extends WheelEntry {
  due(): void {
    throw new Error("the head of a slot has no deadline");
  }
}

export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slots: readonly SlotHead[];
  readonly #firing: SlotHead;
  #waiting: number;
  #lastTick: number;
  #timer: NodeJS.Timeout | undefined;
  #stalled: boolean;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#slots = Array.from({ length: SLOTS }, () => new SlotHead());
    this.#firing = new SlotHead();
    this.#waiting = 0;
    this.#lastTick = Math.floor(clock.monotonicMs() / TICK_MS);
    this.#timer = undefined;
    this.#stalled = false;
  }

  /** Entries in the wheel. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Sets or moves the deadline of `entry`. */
  schedule(entry: WheelEntry, dueAtMs: number): void {
    this.cancel(entry);
    entry.dueAtMs = dueAtMs;
    // Before the entry gets its slot: that is counted from the last tick, and the wheel may have stood still for long.
    if (this.#timer === undefined) {
      this.#lastTick = Math.floor(this.#clock.monotonicMs() / TICK_MS);
      this.#timer = setInterval(() => this.#onTimer(), TICK_MS);
    }
    this.#insert(entry);
    this.#waiting++;
  }

  /** Without effect on an entry that is in no wheel. */
  cancel(entry: WheelEntry): void {
    if (entry.after === entry) return;
    unlink(entry);
    this.#waiting--;
  }

  /** Calls `due` of all entries whose deadline has passed. The timer calls it; tests may. */
  advance(nowMs: number): void {
    const tick = Math.floor(nowMs / TICK_MS);
    if (tick - this.#lastTick > SLOTS) this.#lastTick = tick - SLOTS;
    while (this.#lastTick < tick) {
      this.#lastTick++;
      this.#fire(this.#slotOf(this.#lastTick), nowMs);
    }
  }

  #onTimer(): void {
    // It stops a tick late, so that a server with a question now and then does not make a timer for each.
    if (this.#waiting === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    if (!this.#stalled && nowMs / TICK_MS - this.#lastTick > STALL_TICKS) {
      // Sockets are read after timers: one tick for them, before anything is given up.
      this.#stalled = true;
      return;
    }
    this.#stalled = false;
    this.advance(nowMs);
  }

  #fire(slot: SlotHead, nowMs: number): void {
    const first = slot.after;
    if (first === slot) return;
    // The slot's list is moved aside: entries that `due` schedules again must not be met in this round.
    const firing = this.#firing;
    const last = slot.before;
    firing.after = first;
    first.before = firing;
    firing.before = last;
    last.after = firing;
    slot.after = slot;
    slot.before = slot;
    while (firing.after !== firing) {
      const entry = firing.after;
      unlink(entry);
      if (entry.dueAtMs > nowMs) {
        this.#insert(entry);
      } else {
        this.#waiting--;
        entry.due(nowMs);
      }
    }
  }

  #insert(entry: WheelEntry): void {
    const wanted = Math.ceil(entry.dueAtMs / TICK_MS);
    const tick = Math.min(Math.max(wanted, this.#lastTick + 1), this.#lastTick + SLOTS - 1);
    const slot = this.#slotOf(tick);
    entry.before = slot.before;
    entry.after = slot;
    slot.before.after = entry;
    slot.before = entry;
  }

  #slotOf(tick: number): SlotHead {
    const slot = this.#slots[tick % SLOTS];
    if (slot === undefined) throw new Error(`no slot for tick ${tick}`);
    return slot;
  }
}

function unlink(entry: WheelEntry): void {
  entry.before.after = entry.after;
  entry.after.before = entry.before;
  entry.before = entry;
  entry.after = entry;
}
