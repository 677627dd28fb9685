/**
 * One copy of texts that repeat: names of namespaces, nodes, zones and ports. `JSON.parse` makes each anew.
 *
 * Bounded: when it holds too many it forgets all and begins again, which costs memory only.
 */
const MOST = 32_768;
/** Longer ones are seldom equal. */
const LONGEST = 128;

export class Interner {
  readonly #known = new Map<string, string>();

  of(text: string): string {
    if (text === "" || text.length > LONGEST) return text;
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(text, text);
    return text;
  }
}
