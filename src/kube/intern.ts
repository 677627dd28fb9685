/**
 * One copy of what repeats: names of namespaces, nodes and zones, and lists of ports. `JSON.parse` makes each anew.
 *
 * Bounded: when it holds too many it forgets all and begins again, which costs memory only.
 */
import type { Port } from "./objects.ts";

const MOST = 16_384;
/** Longer ones are seldom equal. */
const LONGEST = 128;

export class Interner {
  readonly #known = new Map<string, string>();
  readonly #ports = new Map<string, readonly Port[]>();

  of(text: string): string {
    if (text === "" || text.length > LONGEST) return text;
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(text, text);
    return text;
  }

  /** @param key alike for ports that are alike, and for no others */
  portsOf(key: string, ports: readonly Port[]): readonly Port[] {
    const known = this.#ports.get(key);
    if (known !== undefined) return known;
    if (this.#ports.size >= MOST) this.#ports.clear();
    this.#ports.set(key, ports);
    return ports;
  }
}
