/**
 * `loop`: asks itself for a name that nobody has, and ends the process when that question comes back.
 *
 * Nodens asks an upstream once for equal questions, so a question that comes back joins the one under way and is not
 * sent round again. Hence what is counted: copies with another message id than the probe's (somebody forwarded them),
 * over all probes, and the probe of the attempt under way. More than two together are a loop, as in CoreDNS.
 */
import { formatSocketAddress } from "../../../base/address.ts";
import type { Log } from "../../../base/log.ts";
import { nameToText } from "../../../dns/name-text.ts";
import { TYPE_HINFO } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query, ServerIdentity } from "../../chain/query.ts";
import { expectArgs, expectNoProperties, once } from "../../corefile/arguments.ts";
import { makeProbe, type Probe, sendProbe } from "./probe.ts";

export interface LoopTimes {
  /** No probe is sent later than this after the start. */
  readonly giveUpMs: number;
  /** Pause after a probe that got no answer. */
  readonly pauseMs: number;
  /** How long a probe waits for its answer. */
  readonly timeoutMs: number;
}

/** CoreDNS's: for 30 s, once a second, with its client's time-out. */
const TIMES: LoopTimes = { giveUpMs: 30_000, pauseMs: 1000, timeoutMs: 2000 };

/** Sightings that are no loop yet: the probe itself, and one copy. */
const SIGHTINGS_MAX = 2;

export const loop: Plugin = loopWith(TIMES);

/** The plugin with other times, for tests. */
export function loopWith(times: LoopTimes): Plugin {
  return {
    directive: "loop",
    setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
      const directive = once(directives);
      expectArgs(directive, 0);
      expectNoProperties(directive);
      const detector = new LoopDetector(context, times);
      return {
        handler: (next) => ({ serve: (query) => detector.serve(query, next) }),
        start: async () => detector.start(),
        stop: async () => detector.stop(),
      };
    },
  };
}

class LoopDetector {
  readonly #context: SetupContext;
  readonly #times: LoopTimes;
  readonly #log: Log;
  /** Only the first zone of the block is probed, as in CoreDNS. */
  readonly #zone: string;
  readonly #stopping: AbortController;
  /** Of every attempt so far, by lower-case name. */
  readonly #probes: Map<string, Probe>;
  #target: ServerIdentity | undefined;
  #current: Probe | undefined;
  #own: number;
  #copies: number;

  constructor(context: SetupContext, times: LoopTimes) {
    this.#context = context;
    this.#times = times;
    this.#log = context.log.plugin("loop");
    this.#zone = context.zones[0] ?? ".";
    this.#stopping = new AbortController();
    this.#probes = new Map();
    this.#target = undefined;
    this.#current = undefined;
    this.#own = 0;
    this.#copies = 0;
  }

  serve(query: Query, next: Handler): Promise<Answer> {
    if (this.#current !== undefined && query.view.qtype === TYPE_HINFO) this.#look(query);
    return next.serve(query);
  }

  /** Begins to probe; does not wait for it. */
  start(): void {
    this.#target = this.#context.servers().find((server) => server.label.startsWith("dns://"));
    if (this.#target === undefined) return;
    void this.#probe(this.#target);
  }

  stop(): void {
    this.#stopping.abort();
    this.#current = undefined;
  }

  /** Probes until one comes back answered without having been seen twice. */
  async #probe(target: ServerIdentity): Promise<void> {
    const { signal } = this.#stopping;
    const startMs = performance.now();
    while (!signal.aborted && performance.now() - startMs < this.#times.giveUpMs) {
      // A name of its own for each attempt: an answer to the last one, or its failure, may be cached by now.
      const probe = makeProbe(this.#zone);
      this.#probes.set(probe.key, probe);
      this.#current = probe;
      this.#own = 0;
      const copiesBefore = this.#copies;
      const answered = await sendProbe(probe, target, this.#times.timeoutMs, signal);
      if (answered && this.#copies === copiesBefore) break;
      if (!answered) await pause(this.#times.pauseMs, signal);
    }
    this.#current = undefined;
  }

  #look(query: Query): void {
    const probe = this.#probes.get(nameToText(query.wire, 12).toLowerCase());
    if (probe === undefined) return;
    if (query.view.id !== probe.id) this.#copies++;
    else if (probe === this.#current) this.#own++;
    if (this.#own + this.#copies <= SIGHTINGS_MAX) return;
    this.stop();
    const client = formatSocketAddress(query.client.address, query.client.port);
    const message =
      `Loop (${client} -> ${listenText(this.#target)}) detected for zone "${this.#zone}", ` +
      `see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${probe.key}"`;
    this.#log.fatal(message);
    this.#context.fatal(message);
  }
}

/** As Go writes it: a server on all addresses has only its port. */
function listenText(server: ServerIdentity | undefined): string {
  if (server === undefined) return "";
  const wildcard = server.address === "0.0.0.0" || server.address === "::";
  return wildcard ? `:${server.port}` : formatSocketAddress(server.address, server.port);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(resolve, ms);
    timer.unref();
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
