/** `dnstap`: every query and answer, and every message to upstreams and back, as a stream for other programs. */
import { connect, type Socket } from "node:net";
import type { Log } from "../../../base/log.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { Sink } from "./sink.ts";
import { Tap } from "./tap.ts";
import { readTap, type TapSettings } from "./tap-settings.ts";

const QUEUE_UNIT_FRAMES = 10_000;
const QUEUE_UNIT_BYTES = 32 * 1024 * 1024;
const MIB = 1024 * 1024;
/** How often drops are logged. */
const REPORT_MS = 10_000;

export const dnstap: Plugin = {
  directive: "dnstap",
  repeatable: true,
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const outlets = directives.map((directive) => new Outlet(readTap(directive, context.version), context));
    const taps = outlets.map(({ tap }) => tap);
    context.seeEveryQuery();
    context.upstreamTap = {
      sent: (message) => {
        for (const tap of taps) tap.sent(message);
      },
      received: (message) => {
        for (const tap of taps) tap.received(message);
      },
    };
    return {
      handler: (next) => new Dnstap(next, taps),
      start: async () => {
        for (const outlet of outlets) outlet.start();
      },
      stop: async () => {
        await Promise.all(outlets.map((outlet) => outlet.stop()));
      },
    };
  },
};

class Dnstap implements Handler {
  readonly #next: Handler;
  readonly #taps: readonly Tap[];

  constructor(next: Handler, taps: readonly Tap[]) {
    this.#next = next;
    this.#taps = taps;
  }

  async serve(query: Query): Promise<Answer> {
    for (const tap of this.#taps) tap.asked(query);
    const answer = await this.#next.serve(query);
    if (answer.dropped !== true) for (const tap of this.#taps) tap.answered(query, answer);
    return answer;
  }
}

/** A tap with the sink that it runs into. */
class Outlet {
  readonly tap: Tap;
  readonly #sink: Sink;
  readonly #log: Log;
  #dropped: number;
  #report: NodeJS.Timeout | undefined;

  constructor(settings: TapSettings, context: SetupContext) {
    const sent = context.metrics.counter("nodens_dnstap_messages_total").with(settings.to);
    const dropped = context.metrics.counter("nodens_dnstap_dropped_total").with(settings.to);
    this.#log = context.log.plugin("dnstap");
    this.#dropped = 0;
    this.#report = undefined;
    this.#sink = new Sink({
      dial: () => dial(settings),
      queueFrames: settings.queue * QUEUE_UNIT_FRAMES,
      queueBytes: settings.queue * QUEUE_UNIT_BYTES,
      unsentBytes: settings.writeBuffer * MIB,
      onSent: (frames) => sent.add(frames),
      onDropped: () => {
        dropped.add();
        this.#dropped++;
      },
      onTrouble: (why) => this.#log.error(`No connection to dnstap endpoint ${settings.to}: ${why}`),
    });
    this.tap = new Tap(settings, context.clock, (payload) => this.#sink.write(payload));
  }

  start(): void {
    this.#sink.start();
    this.#report = setInterval(() => this.#tellDrops(), REPORT_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#report);
    await this.#sink.close();
    this.#tellDrops();
  }

  #tellDrops(): void {
    if (this.#dropped > 0) this.#log.warning(`Dropped dnstap messages: ${this.#dropped}`);
    this.#dropped = 0;
  }
}

function dial({ address, skipVerify }: TapSettings): { socket: Socket; readyEvent: "connect" | "secureConnect" } {
  if (address.kind === "unix") return { socket: connect({ path: address.path }), readyEvent: "connect" };
  const { host, port } = address;
  if (address.kind === "tcp") return { socket: connect({ host, port }), readyEvent: "connect" };
  const options = { host, port, minVersion: "TLSv1.2" as const, rejectUnauthorized: !skipVerify };
  return { socket: process.getBuiltinModule("node:tls").connect(options), readyEvent: "secureConnect" };
}
