/**
 * Keyed hash of a question: HalfSipHash-1-3 (Aumasson and Bernstein) with a 64-bit key, 32 bits out.
 *
 * The hashed message is whole words: the scope (see `region-layout.ts`), the name in wire form and lower case with
 * zeros up to a multiple of four, and type and class. Scope and name are worked in once, and finished for each type
 * that is tried. The key makes it infeasible to aim many names at one set of the index.
 *
 * Lower case is ASCII only (RFC 4343), four bytes at once. Length bytes are at most 63 and so never taken for letters.
 */

/** Words of the longest name. */
const NAME_WORDS_MAX = 64;
/** Which bytes of a name's last word belong to it, by `length & 3`. */
const LAST_WORD_MASKS = Int32Array.of(-1, 0xff, 0xffff, 0xffffff);

export class QuestionHash {
  /** The name of the last `begin`, lower case, zeros behind it. */
  readonly name: Int32Array;
  /** Words of it. */
  nameWords: number;
  nameLength: number;
  scope: number;
  readonly #key0: number;
  readonly #key1: number;
  #v0: number;
  #v1: number;
  #v2: number;
  #v3: number;

  constructor(key0: number, key1: number) {
    this.name = new Int32Array(NAME_WORDS_MAX);
    this.nameWords = 0;
    this.nameLength = 0;
    this.scope = 0;
    this.#key0 = key0;
    this.#key1 = key1;
    this.#v0 = 0;
    this.#v1 = 0;
    this.#v2 = 0;
    this.#v3 = 0;
  }

  /**
   * Works scope and name in.
   *
   * @param at index of the name's first word in `words`
   * @param nameLength in bytes, 1 to 255, root included; up to three bytes more are read and not used
   */
  begin(scope: number, words: Int32Array, at: number, nameLength: number): void {
    const name = this.name;
    const count = ((nameLength + 3) >> 2) & (NAME_WORDS_MAX * 2 - 1);
    const last = count - 1;
    const lastMask = LAST_WORD_MASKS[nameLength & 3] ?? -1;
    // "| 0" tells the compiler that these are int32 from the first round on; without it the sums are made as doubles.
    let v0 = this.#key0 | 0;
    let v1 = this.#key1 | 0;
    let v2 = 0x6c796765 ^ this.#key0;
    let v3 = 0x74656462 ^ this.#key1;
    let word = scope | 0;
    let i = 0;
    for (;;) {
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
      if (i > last) break;
      word = words[at + i] ?? 0;
      if (i === last) word &= lastMask;
      // 'A' to 'Z' of each byte: bit 7 of (byte + 0x3f) says at least 'A', of (byte + 0x25) more than 'Z'.
      const low = word & 0x7f7f7f7f;
      const upper = ~word & (((low + 0x3f3f3f3f) | 0) ^ ((low + 0x25252525) | 0)) & 0x80808080;
      word |= upper >>> 2;
      name[i] = word;
      i++;
    }
    this.scope = scope;
    this.nameWords = count;
    this.nameLength = nameLength;
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }

  /**
   * The hash of the question begun, for one type and class.
   *
   * @param typeClass `qtype | qclass << 16`
   * @returns an int32, never 0 (0 is given out as 1)
   */
  finish(typeClass: number): number {
    let v0 = this.#v0 | 0;
    let v1 = this.#v1 | 0;
    let v2 = this.#v2 | 0;
    let v3 = this.#v3 | 0;
    let word = typeClass | 0;
    // Two words (type and class; the length in bytes) and three rounds of nothing.
    for (let round = 0; round < 5; round++) {
      if (round < 2) v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if (round < 2) {
        v0 ^= word;
        word = ((this.nameWords + 2) << 2) << 24;
        if (round === 1) v2 ^= 0xff;
      }
    }
    const hash = v1 ^ v3;
    return hash === 0 ? 1 : hash;
  }

  /** A hash of scope and name alone: for telling names apart roughly, never for finding an answer. */
  nameHash(): number {
    return this.#v0 ^ this.#v1 ^ this.#v2 ^ this.#v3;
  }
}
