/**
 * Things that are made once for all who ask for the same key, and closed when the last of them has given it up.
 *
 * A reload acquires for the new configuration before it gives up for the old one, so what both use lives on.
 */

export interface SharedLease<T> {
  readonly value: T;
  /** A second call does nothing. */
  release(): void;
}

interface Held {
  readonly value: unknown;
  readonly close: () => void;
  holders: number;
}

export class Shared {
  readonly #held = new Map<string, Held>();

  /**
   * @param key says what it is made from, whole, and what it is: for the same key everybody gives the same `make`
   * @param close called once, when nobody holds it any more; must not throw
   */
  acquire<T>(key: string, make: () => T, close: (value: T) => void): SharedLease<T> {
    let held = this.#held.get(key);
    if (held === undefined) {
      const value = make();
      held = { value, close: () => close(value), holders: 0 };
      this.#held.set(key, held);
    }
    held.holders++;
    const mine = held;
    let isHeld = true;
    return {
      value: held.value as T,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        mine.holders--;
        if (mine.holders > 0) return;
        this.#held.delete(key);
        mine.close();
      },
    };
  }
}
