/** `pprof`: profiles of the process over HTTP. */
import type { IntervalHistogram } from "node:perf_hooks";
import { ConfigError } from "../../../base/errors.ts";
import { listenArgument } from "../../chain/listen-argument.ts";
import type { Directive, Plugin, PluginInstance, SetupContext, Token } from "../../chain/plugin.ts";
import { expectArgs, once, properties, unknownProperty } from "../../corefile/arguments.ts";
import { type HttpHandler, type HttpReply, type HttpRequest, textReply } from "../../web/http-listener.ts";
import type { HttpLease } from "../../web/http-servers.ts";
import { indexPage } from "./index-page.ts";
import { allocationProfile, Busy, cpuProfile, heapSnapshot } from "./profiles.ts";

const DEFAULT_ADDRESS = "localhost:6053";
const ROOT = "/debug/pprof";
const SECONDS_DEFAULT = 30;
const SECONDS_MAX = 300;
/** For what comes after the seconds that were asked for. */
const GRACE_MS = 30_000;
/** CoreDNS's rate is in events; here it is the space between two looks at the event loop, milliseconds. */
const BLOCK_RATE_MAX = 10_000;

interface Settings {
  readonly address: string;
  /** 0: not measured. */
  readonly blockRateMs: number;
}

export const pprof: Plugin = {
  directive: "pprof",
  setup: (directives, context) => new Pprof(context, readSettings(once(directives))),
};

function readSettings(directive: Directive): Settings {
  const address = listenArgument(directive, DEFAULT_ADDRESS);
  let blockRateMs = 0;
  for (const property of properties(directive)) {
    if (property.name.text !== "block") unknownProperty(property);
    const [rate] = expectArgs(property, 0, 1);
    blockRateMs = rate === undefined ? 1 : readRate(rate);
  }
  return { address, blockRateMs };
}

function readRate({ text, position }: Token): number {
  const rate = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (rate > 0) return Math.min(rate, BLOCK_RATE_MAX);
  throw new ConfigError(position, `property 'block' invalid integer value '${text}'`);
}

class Pprof implements PluginInstance {
  readonly #context: SetupContext;
  readonly #settings: Settings;
  readonly #leases: HttpLease[];
  #delays: IntervalHistogram | undefined;

  constructor(context: SetupContext, settings: Settings) {
    this.#context = context;
    this.#settings = settings;
    this.#leases = [];
    this.#delays = undefined;
  }

  async start(): Promise<void> {
    const { address, blockRateMs } = this.#settings;
    if (blockRateMs > 0) {
      const { monitorEventLoopDelay } = process.getBuiltinModule("node:perf_hooks");
      this.#delays = monitorEventLoopDelay({ resolution: blockRateMs });
      this.#delays.enable();
    }
    const index: HttpHandler = () => indexPage(ROOT, blockRateMs > 0);
    const pages: readonly (readonly [string, HttpHandler])[] = [
      ["", index],
      ["/", index],
      ["/profile", (request) => profile(request, "cpu", cpuProfile)],
      ["/heap", (request) => made(request, "heap.heapsnapshot", 0, heapSnapshot)],
      ["/allocs", (request) => profile(request, "allocs", allocationProfile)],
      ["/cmdline", () => textReply(200, [process.execPath, ...process.execArgv, ...process.argv.slice(1)].join("\0"))],
      ["/block", () => this.#block()],
    ];
    for (const [path, handle] of pages) {
      this.#leases.push(await this.#context.http.acquire(address, `${ROOT}${path}`, handle));
    }
  }

  async stop(): Promise<void> {
    this.#delays?.disable();
    for (const lease of this.#leases.splice(0)) await lease.release();
  }

  #block(): HttpReply {
    const delays = this.#delays;
    if (delays === undefined) return textReply(404, "`block` is not set in the Corefile\n");
    const ms = (ns: number): string => (Number.isFinite(ns) ? (ns / 1e6).toFixed(3) : "0.000");
    const lines = [50, 90, 99, 99.9, 100].map((p) => `p${p} ${ms(delays.percentile(p))} ms`);
    return textReply(200, `event loop delay, ${delays.count} samples\n${lines.join("\n")}\n`);
  }
}

const EXTENSIONS = { cpu: "cpuprofile", allocs: "heapprofile" } as const;

function profile(request: HttpRequest, kind: "cpu" | "allocs", make: (ms: number) => HttpReply["body"]): HttpReply {
  const text = new URLSearchParams(request.query).get("seconds") ?? String(SECONDS_DEFAULT);
  const seconds = Number(text);
  if (!/^[0-9]{1,3}$/.test(text) || seconds < 1 || seconds > SECONDS_MAX) {
    return textReply(400, `seconds must be a whole number from 1 to ${SECONDS_MAX}\n`);
  }
  const ms = seconds * 1000;
  return made(request, `${kind}.${EXTENSIONS[kind]}`, ms, () => make(ms));
}

/** @param silenceMs before its first byte, about */
function made(request: HttpRequest, fileName: string, silenceMs: number, make: () => HttpReply["body"]): HttpReply {
  // Asking what there is must not start it.
  if (request.method === "HEAD") return textReply(200, "");
  try {
    const body = make();
    return { status: 200, contentType: "application/json", body, fileName, silenceMs: silenceMs + GRACE_MS };
  } catch (error) {
    if (error instanceof Busy) return textReply(503, `${error.message}\n`);
    throw error;
  }
}
