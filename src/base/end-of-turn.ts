/**
 * Work put off to the end of the current turn of the event loop, so that what one turn makes is sent together.
 *
 * A turn ends when everything that came has been looked at and all promises have been followed. Who runs turns of its own
 * (`linux/loop-watch.ts`) says so; without it each callback of the event loop is a turn.
 */

export interface TurnTask {
  endTurn(): void;
}

export class EndOfTurn {
  #tasks: TurnTask[];
  #count: number;
  /** The array that is not in use. */
  #other: TurnTask[];
  #held: boolean;
  readonly #run: () => void;

  constructor() {
    this.#tasks = [];
    this.#count = 0;
    this.#other = [];
    this.#held = false;
    this.#run = (): void => void this.run();
  }

  /** The caller sees to it that a task is added once a turn. */
  add(task: TurnTask): void {
    if (this.#count === 0 && !this.#held) process.nextTick(this.#run);
    this.#tasks[this.#count++] = task;
  }

  /** From now on somebody calls `run` at the end of each turn. */
  hold(): void {
    this.#held = true;
  }

  /** No longer. */
  release(): void {
    this.#held = false;
    if (this.#count > 0) process.nextTick(this.#run);
  }

  /** Does what has been put off. @returns whether there was anything */
  run(): boolean {
    const count = this.#count;
    if (count === 0) return false;
    const tasks = this.#tasks;
    this.#tasks = this.#other;
    this.#count = 0;
    this.#other = tasks;
    for (let i = 0; i < count; i++) tasks[i]?.endTurn();
    return true;
  }
}

/** Of the main thread. */
export const endOfTurn: EndOfTurn = new EndOfTurn();
