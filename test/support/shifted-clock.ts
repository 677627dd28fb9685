/** The system's time and more: time that a test lets pass at once. */
import { type Clock, systemClock } from "../../src/base/clock.ts";

export class ShiftedClock implements Clock {
  #shiftMs = 0;

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#shiftMs;
  }

  wallMs(): number {
    return systemClock.wallMs() + this.#shiftMs;
  }

  advanceMs(ms: number): void {
    this.#shiftMs += ms;
  }
}
