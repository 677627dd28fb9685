/**
 * The alarm of a server that stands still: a timer of the kernel's that its keeper hears, and that those who live keep putting off.
 *
 * Each pulse is a word of shared memory in which its owner writes when it last moved, milliseconds of CLOCK_MONOTONIC modulo 2^32;
 * 0: it has not begun. Whoever tends the alarm sets it to when the first of all pulses would be overdue, and does not touch it once
 * one is. So nobody wakes for a server that is well.
 */
import { openRegion, type RegionHandle } from "../../linux/shared-region.ts";
import { setTimerFd } from "../../linux/timer-fd.ts";

export interface Pulse {
  /** Index of its word. */
  readonly word: number;
  /** May stand still for so long. */
  readonly silenceMs: number;
  readonly name: string;
}

/** Data only: goes to threads. */
export interface AlarmHandle {
  /** With the words of the pulses. */
  readonly region: RegionHandle;
  readonly timerFd: number;
  readonly pulses: readonly Pulse[];
}

/** A tended alarm is left alone for so long: setting it is a system call. Less than the shortest silence by more than a wait. */
const TEND_MS = 80;

/** What a pulse's owner writes. */
export function beatAt(nowMs: number): number {
  return nowMs | 0 || 1;
}

/** For how long `pulse` has been silent; 0 when it has not begun. */
export function silenceOf(words: Int32Array, pulse: Pulse, nowMs: number): number {
  const beat = words[pulse.word] ?? 0;
  return beat === 0 ? 0 : Math.max(0, (nowMs - beat) | 0);
}

/** Until the first of those that have begun is overdue; 0 or less: it is; `Infinity`: none has begun. */
export function untilOverdueMs(words: Int32Array, pulses: readonly Pulse[], nowMs: number): number {
  let due = Infinity;
  for (const pulse of pulses) {
    if (words[pulse.word] !== 0) due = Math.min(due, pulse.silenceMs - silenceOf(words, pulse, nowMs));
  }
  return due;
}

export class Alarm {
  readonly #words: Int32Array;
  readonly #timerFd: number;
  readonly #pulses: readonly Pulse[];
  /** As `beatAt` has it: a fraction would be an object of V8's. */
  #tendedAtMs: number;

  constructor({ region, timerFd, pulses }: AlarmHandle) {
    const { buffer } = openRegion(region);
    this.#words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    this.#timerFd = timerFd;
    this.#pulses = pulses;
    this.#tendedAtMs = 0;
  }

  /** To be called after each beat. */
  tend(nowMs: number): void {
    if ((nowMs - this.#tendedAtMs) >>> 0 < TEND_MS) return;
    this.#tendedAtMs = nowMs | 0;
    const dueMs = untilOverdueMs(this.#words, this.#pulses, nowMs);
    if (dueMs > 0 && dueMs < Infinity) setTimerFd(this.#timerFd, dueMs);
  }
}
