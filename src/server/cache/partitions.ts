/** Numbers of partitions by signature, and the least used one when all are given out. */

/** Signatures remembered: how many different server blocks, over all reloads, keep their answers. */
const PARTITIONS_MAX = 4096;

export class Partitions {
  /** In the order in which they were last asked for. */
  readonly #numbers = new Map<string, number>();

  /**
   * @param purge called with a number before it is given to another signature
   * @returns 1 to 4096
   */
  number(signature: string, purge: (partition: number) => void): number {
    let number = this.#numbers.get(signature);
    if (number === undefined) {
      number = this.#numbers.size + 1;
      const [oldest] = this.#numbers;
      if (number > PARTITIONS_MAX && oldest !== undefined) {
        this.#numbers.delete(oldest[0]);
        number = oldest[1];
        purge(number);
      }
    }
    this.#numbers.delete(signature);
    this.#numbers.set(signature, number);
    return number;
  }
}
