/**
 * What a parked thread makes of its looks round: whether the main thread still reads the client sockets, as it is to.
 *
 * While that reads it puts an alarm off (a timerfd), so that the thread sleeps. When the alarm goes off nothing has been received for a
 * moment: perhaps nothing came, perhaps the main thread is busy with something else, which shows in what waits in the sockets. From
 * then on the thread looks by itself, until the main thread reads again.
 */
import { PARKED_LOOK_MS, WAIT_MS } from "./thread-control.ts";

/** Until the next look when it seems that nobody reads. */
const DOUBT_MS = 1;
/** The thread goes back to work when for so many looks nobody has asked anything. */
const IDLE_LOOKS_MAX = 25;
/** It takes over when in so many looks in a row something waited and nobody received. */
const MISSED_LOOKS_MAX = 2;

export class ParkedWatch {
  #receives: number;
  /** The main thread reads, and has put the alarm off. */
  #isRead: boolean;
  /** Looks in a row that saw no receive; of those that also saw something wait. */
  #idleLooks: number;
  #missedLooks: number;

  constructor() {
    this.#receives = 0;
    this.#isRead = false;
    this.#idleLooks = 0;
    this.#missedLooks = 0;
  }

  /** Longest wait until the next look, milliseconds; the alarm may end it. */
  get waitMs(): number {
    if (this.#isRead) return WAIT_MS;
    return this.#missedLooks > 0 ? DOUBT_MS : PARKED_LOOK_MS;
  }

  /**
   * @param receives of the main thread so far, modulo 2^32
   * @param alarmed the alarm went off
   * @param waits whether something waits to be received; asked when it matters
   * @returns true: the thread is to go back to work
   */
  look(receives: number, alarmed: boolean, waits: () => boolean): boolean {
    const moved = receives !== this.#receives;
    this.#receives = receives;
    if (moved) {
      this.#idleLooks = 0;
      this.#missedLooks = 0;
    }
    this.#isRead = moved && !alarmed;
    if (this.#isRead) return false;
    this.#missedLooks = waits() ? this.#missedLooks + 1 : 0;
    if (++this.#idleLooks < IDLE_LOOKS_MAX && this.#missedLooks < MISSED_LOOKS_MAX) return false;
    this.#idleLooks = 0;
    this.#missedLooks = 0;
    return true;
  }
}
