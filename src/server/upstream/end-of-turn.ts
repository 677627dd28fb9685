/**
 * Work put off to the end of the current turn of the event loop, so that what one turn makes is sent together.
 */

export interface TurnTask {
  endTurn(): void;
}

export class EndOfTurn {
  #tasks: TurnTask[];
  readonly #run: () => void;

  constructor() {
    this.#tasks = [];
    this.#run = (): void => {
      const tasks = this.#tasks;
      this.#tasks = [];
      for (const task of tasks) task.endTurn();
    };
  }

  /** The caller sees to it that a task is added once a turn. */
  add(task: TurnTask): void {
    if (this.#tasks.length === 0) process.nextTick(this.#run);
    this.#tasks.push(task);
  }
}
