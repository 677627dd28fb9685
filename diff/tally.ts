/** Differences counted, with a reason or without, as text for a person. */
import type { Difference } from "./compare.ts";
import { explain } from "./explained.ts";
import type { PeerName } from "./options.ts";
import type { Case } from "./run.ts";

interface Group {
  count: number;
  readonly examples: string[];
}

const SHOWN_CHARACTERS = 200;

export class Tally {
  readonly #peer: PeerName;
  readonly #show: number;
  /** Queries with differences, by heading; a query may count under several. */
  readonly #explained: Map<string, number>;
  readonly #unexplained: Map<string, Group>;
  #cases: number;

  /** @param show examples kept of each kind of difference */
  constructor(peer: PeerName, show: number) {
    this.#peer = peer;
    this.#show = show;
    this.#explained = new Map();
    this.#unexplained = new Map();
    this.#cases = 0;
  }

  add(found: Case): void {
    this.#cases++;
    const headings = new Set<string>();
    for (const difference of found.differences) {
      const reason = explain(this.#peer, found, difference);
      if (reason === undefined) this.#note(found, difference);
      else headings.add(reason.heading);
    }
    for (const heading of headings) this.#explained.set(heading, (this.#explained.get(heading) ?? 0) + 1);
  }

  #note({ query }: Case, difference: Difference): void {
    const key = `${difference.aspect}, ${query.oddity ?? query.kind ?? "other"}`;
    const group = this.#unexplained.get(key) ?? { count: 0, examples: [] };
    this.#unexplained.set(key, group);
    group.count++;
    if (group.examples.length >= this.#show) return;
    const shown = (text: string): string => (text === "" ? "nothing" : text.slice(0, SHOWN_CHARACTERS));
    const lines = [query.text, `nodens ${shown(difference.ours)}`, `${this.#peer} ${shown(difference.theirs)}`];
    group.examples.push(lines.map((line, i) => `${i === 0 ? "    " : "      "}${line}`).join("\n"));
  }

  get unexplained(): number {
    return [...this.#unexplained.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** Lines of the report. */
  report(queries: number): string[] {
    const explained = [...this.#explained].toSorted(([, a], [, b]) => b - a);
    const lines = [`${queries} queries, ${this.#cases} with differences; explained in docs/differences.md:`];
    for (const [heading, count] of explained) lines.push(`  ${String(count).padStart(6)}  ${heading}`);
    lines.push(`${this.unexplained} unexplained differences`);
    for (const [key, { count, examples }] of this.#unexplained) lines.push(`  ${count}  ${key}`, ...examples);
    return lines;
  }
}
