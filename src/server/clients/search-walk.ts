/**
 * What a search list costs: the queries of one client that a walk along its list has made for nothing.
 *
 * A resolver with `search ns.svc.cluster.local svc.cluster.local cluster.local` and `ndots:5` that looks for
 * `www.example.org` asks for `www.example.org.ns.svc.cluster.local`, and after NXDOMAIN for the next, until it asks for the
 * name itself. So a query is **search waste** when
 *
 * - it was answered NXDOMAIN, and
 * - within `WALK_MS` the same client asks for a name that is the first one with labels left out in the middle or at the end
 *   (at least its first label stays).
 *
 * A and AAAA of a name are two queries, and both are waste then. The last name of a walk is never waste, whatever comes of it.
 * Names that a client guesses one after the other (`a.example`, `b.example`) are no walk. Pure.
 */

/** As long as the stub resolvers in use wait for an answer at most. */
export const WALK_MS = 5000;
/** Names that a client may have in hand: two types of a search list of six domains (glibc's old limit), and some for others. */
const STEPS_MAX = 16;

export interface WastedQuery {
  /** As given to `ask`. */
  readonly name: string;
  readonly weight: number;
}

interface Step extends WastedQuery {
  readonly atMs: number;
}

const NONE: readonly WastedQuery[] = [];

export class SearchWalk {
  /** Oldest first. */
  readonly #steps: Step[];

  constructor() {
    this.#steps = [];
  }

  /**
   * The client asked for `name`.
   *
   * @param name in wire form and lower case, one character a byte
   * @param denied it was answered NXDOMAIN
   * @param weight how many queries it stands for
   * @returns queries of before that are known now to have been for nothing; each is given once
   */
  ask(name: string, denied: boolean, atMs: number, weight: number): readonly WastedQuery[] {
    const steps = this.#steps;
    let wasted: WastedQuery[] | undefined;
    if (steps.length > 0) {
      let kept = 0;
      for (const step of steps) {
        if (atMs - step.atMs > WALK_MS) continue;
        if (isShortened(step.name, name)) (wasted ??= []).push(step);
        else steps[kept++] = step;
      }
      steps.length = kept;
    }
    if (denied) {
      if (steps.length >= STEPS_MAX) steps.shift();
      steps.push({ name, atMs, weight });
    }
    return wasted ?? NONE;
  }
}

/** Whether `short` is `long` without some labels behind its first. Both in wire form. */
export function isShortened(long: string, short: string): boolean {
  if (short.length >= long.length) return false;
  // Past the labels that both begin with.
  let at = 0;
  for (;;) {
    const step = short.charCodeAt(at) + 1;
    if (step === 1 || short.slice(at, at + step) !== long.slice(at, at + step)) break;
    at += step;
  }
  return at > 0 && long.endsWith(short.slice(at)) && isLabelStart(long, long.length - (short.length - at));
}

function isLabelStart(name: string, wanted: number): boolean {
  let at = 0;
  while (at < wanted) at += name.charCodeAt(at) + 1;
  return at === wanted;
}
