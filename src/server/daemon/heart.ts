/** The server's heartbeat, for the keeper: of its main loop, and through their control words of its threads. */
import type { Clock } from "../../base/clock.ts";
import type { SharedRegion } from "../../linux/shared-region.ts";
import { Alarm, type AlarmHandle, beatAt } from "../fastpath/alarm.ts";
import type { ThreadControls } from "../fastpath/fast-path-threads.ts";
import { MAIN_BEAT_MS, MAIN_BEAT_WORD, THREADS_AT, THREADS_MAX, THREADS_WORD } from "../keeper/beats-layout.ts";
import { pulsesOf } from "../keeper/heartbeat.ts";

export interface HeartOptions {
  /** What the keeper looks at; undefined: nobody looks. */
  readonly beats: SharedRegion | undefined;
  /** undefined: a keeper of another version looks of itself. */
  readonly alarmFd: number | undefined;
  readonly threads: number;
  readonly clock: Clock;
}

export class Heart {
  /** Where the control words of the threads are to be; undefined: anywhere. */
  readonly controls: ThreadControls | undefined;
  readonly #clock: Clock;
  readonly #words: Int32Array | undefined;
  readonly #alarm: Alarm | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ beats, alarmFd, threads, clock }: HeartOptions) {
    this.#clock = clock;
    this.#words = beats === undefined ? undefined : new Int32Array(beats.buffer, 0, THREADS_AT >> 2);
    this.#timer = undefined;
    const handle: AlarmHandle | undefined =
      beats === undefined || alarmFd === undefined
        ? undefined
        : { region: beats.handle, timerFd: alarmFd, pulses: pulsesOf(threads) };
    this.#alarm = handle === undefined ? undefined : new Alarm(handle);
    if (beats === undefined || this.#words === undefined || threads > THREADS_MAX) return;
    this.#words[THREADS_WORD] = threads;
    this.controls = { region: beats, at: THREADS_AT, alarm: handle };
  }

  /** From now on a loop that stands still is ended by the keeper, and so is a thread. */
  begin(): void {
    if (this.#words === undefined) return;
    this.#timer = setTimeout(() => this.beat(), MAIN_BEAT_MS).unref();
    this.beat();
  }

  /** To be called by who comes round anyway: then nobody need wake for a beat. */
  beat(): void {
    if (this.#words === undefined || this.#timer === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    Atomics.store(this.#words, MAIN_BEAT_WORD, beatAt(nowMs));
    this.#alarm?.tend(nowMs);
    this.#timer.refresh();
  }

  /** Nobody looks from now on. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#words !== undefined) Atomics.store(this.#words, MAIN_BEAT_WORD, 0);
  }
}
