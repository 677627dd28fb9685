/** Numbers of partitions by signature, and the least used one when all are given out. */
import { signatureDigest } from "./partition-table.ts";
import { PARTITIONS_MAX } from "./region-layout.ts";

export class Partitions {
  /** By digest of the signature, in the order in which they were last asked for. */
  readonly #numbers = new Map<string, number>();
  readonly #digests = new Map<number, string>();

  /**
   * @param purge called with a number before it is given to another signature
   * @returns 1 to `PARTITIONS_MAX`: how many different server blocks, over all reloads, keep their answers
   */
  number(signature: string, purge: (partition: number) => void): number {
    const digest = signatureDigest(signature);
    let number = this.numberIfFree(digest);
    if (number === undefined) {
      const [oldest] = this.#numbers;
      if (oldest === undefined) throw new Error("no partition is left, and none is given out");
      this.#numbers.delete(oldest[0]);
      number = oldest[1];
      purge(number);
    }
    this.#give(digest, number);
    return number;
  }

  /** The number of a signature of which only the digest is known; undefined when it would have to be taken from another. */
  numberIfFree(digest: string): number | undefined {
    const number = this.#numbers.get(digest) ?? this.#numbers.size + 1;
    if (number > PARTITIONS_MAX) return undefined;
    this.#give(digest, number);
    return number;
  }

  /** @returns undefined for a number that was not given out */
  digest(partition: number): string | undefined {
    return this.#digests.get(partition);
  }

  #give(digest: string, number: number): void {
    this.#numbers.delete(digest);
    this.#numbers.set(digest, number);
    this.#digests.set(number, digest);
  }
}
