/**
 * Says whether a name may hold a positive answer: a counting filter over name hashes.
 *
 * "Perhaps" may be wrong, "no" never is. A denial of a name is only taken for all its types (RFC 2308 §5) when no
 * positive answer for it is held; a wrong "perhaps" makes it a denial of one type, which is true as well.
 */
const PLACES = 65536;
/** A counter that got here stays, so that it never says "no" wrongly. */
const FULL = 255;

export class PositiveNames {
  readonly #counts = new Uint8Array(PLACES);

  /** Positive answers held, by names of this hash; a floor of the truth never, a ceiling sometimes. */
  count(nameHash: number): number {
    return this.#counts[nameHash & (PLACES - 1)] ?? 0;
  }

  add(nameHash: number): void {
    const at = nameHash & (PLACES - 1);
    const count = this.#counts[at] ?? 0;
    if (count < FULL) this.#counts[at] = count + 1;
  }

  remove(nameHash: number): void {
    const at = nameHash & (PLACES - 1);
    const count = this.#counts[at] ?? 0;
    if (count > 0 && count < FULL) this.#counts[at] = count - 1;
  }
}
