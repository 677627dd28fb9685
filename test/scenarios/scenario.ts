/**
 * How a scenario is written down: what upstreams do, what a client asks, and what must come of it.
 *
 * Each scenario has a zone of its own, and names in it are relative to that zone: `www A` asks for `www.ZONE`. A name
 * that ends in a dot is absolute, `@` is the zone itself. Numbers are those of the list in `README.md`.
 */
import type { Script } from "../support/scripted-upstream.ts";

export interface Scenario {
  /** 1 to 45. */
  readonly number: number;
  /** What upstream does, as a clause; with the number it is the title of a test. */
  readonly what: string;
  /** What each upstream does, A first. */
  readonly upstreams: readonly Script[];
  /** Upstreams listen for TCP; default true. */
  readonly tcp?: boolean;
  /** Lines inside `cache { }`. */
  readonly cache?: string;
  /** Lines inside `forward { }`. Upstreams are always asked in their order. */
  readonly forward?: string;
  /** In place of one block with `cache` and `forward`: a Corefile in which ZONE, PORT_A, PORT_B … are replaced. */
  readonly corefile?: string;
  readonly steps: readonly Step[];
}

/** One thing after another. */
export type Step =
  | AskStep
  | BurstStep
  /** From now on upstreams do this. */
  | { readonly kind: "use"; readonly upstreams: readonly Script[] }
  | { readonly kind: "wait"; readonly ms: number }
  /** An upstream's port is closed (`down`), or opened again. */
  | { readonly kind: "down" | "up"; readonly upstream: string };

export interface AskStep {
  readonly kind: "ask";
  /** `www A`; as spelled. */
  readonly question: string;
  readonly options: AskOptions;
  /** `NOERROR`, `NXDOMAIN tc`, `SERVFAIL ede=22`, then records: `www 60 A 192.0.2.1`, `auth . 60 SOA …`, `add …`. A TTL may
   * be up to `TTL_SLACK_S` less. */
  readonly gets: readonly string[];
  /** Queries that upstreams got meanwhile, in order: `A/udp`, `B/tcp`. Empty: answered from the cache. */
  readonly sent: readonly string[];
}

export interface AskOptions {
  readonly tcp?: true;
  /** Default: an OPT of size 1232. */
  readonly opt?: false | number;
  readonly dnssecOk?: true;
  readonly checkingDisabled?: true;
  /** Bounds of the time until the reply came, milliseconds. */
  readonly afterMs?: number;
  readonly beforeMs?: number;
}

/** Many clients at once. What gets no reply within a second is asked again, as clients do. */
export interface BurstStep {
  readonly kind: "burst";
  readonly count: number;
  /** `{i}` in it is the number of the query. */
  readonly question: string;
  /** First lines that replies may have. */
  readonly gets: readonly string[];
  /** Most queries that upstreams may get meanwhile. */
  readonly sentAtMost: number;
  /** Asked every 10 ms meanwhile; each must get this first line from the cache. */
  readonly meanwhile?: { readonly question: string; readonly gets: string };
}

export const TTL_SLACK_S = 10;

/** Upstream is asked: `sent` is what it gets. */
export function miss(question: string, sent: string, gets: readonly string[], options: AskOptions = {}): AskStep {
  return { kind: "ask", question, options, gets, sent: sent.split(" ") };
}

/** Answered from the cache. */
export function hit(question: string, gets: readonly string[], options: AskOptions = {}): AskStep {
  return { kind: "ask", question, options, gets, sent: [] };
}

/** A miss with one UDP query to the first upstream, then the same from the cache. */
export function missThenHit(question: string, gets: readonly string[], options: AskOptions = {}): AskStep[] {
  return [miss(question, "A/udp", gets, options), hit(question, gets, options)];
}

/** Upstream is asked each time. */
export function missTwice(
  question: string,
  sent: string,
  gets: readonly string[],
  options: AskOptions = {},
): AskStep[] {
  return [miss(question, sent, gets, options), miss(question, sent, gets, options)];
}

export function wait(ms: number): Step {
  return { kind: "wait", ms };
}

export function use(...upstreams: readonly Script[]): Step {
  return { kind: "use", upstreams };
}
