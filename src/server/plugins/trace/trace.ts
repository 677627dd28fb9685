/** `trace`: the way of a query through the chain as spans, sent to an OpenTelemetry collector. */
import { FLAGS_AT, RCODE_MASK, readU16 } from "../../../dns/header.ts";
import { rcodeName, typeName } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { once } from "../../corefile/arguments.ts";
import type { OtlpTracing, TracedSpan } from "./otlp-tracing.ts";
import { readTrace, type TraceSettings } from "./trace-settings.ts";

/** Names of CoreDNS. */
const ROOT_SPAN = "servedns";
const METADATA_LABEL = "trace/traceid";

export const trace: Plugin = {
  directive: "trace",
  setup: (directives, context) => {
    const settings = readTrace(once(directives));
    context.seeEveryQuery();
    return new Trace(settings, context);
  },
};

class Trace implements PluginInstance {
  readonly tracesLinks = true;
  readonly #settings: TraceSettings;
  readonly #context: SetupContext;
  #tracing: OtlpTracing | undefined;
  #queries: number;

  constructor(settings: TraceSettings, context: SetupContext) {
    this.#settings = settings;
    this.#context = context;
    this.#tracing = undefined;
    this.#queries = 0;
  }

  async start(): Promise<void> {
    const { OtlpTracing } = await import("./otlp-tracing.ts");
    this.#tracing = new OtlpTracing(this.#settings, this.#context.version, this.#context.log.plugin("trace"));
  }

  async stop(): Promise<void> {
    const tracing = this.#tracing;
    this.#tracing = undefined;
    await tracing?.shutdown();
  }

  handler(next: Handler): Handler {
    return {
      serve: (query) => {
        const tracing = this.#tracing;
        if (tracing === undefined || query.span !== undefined || !this.#isDue()) return next.serve(query);
        return traced(tracing.root(ROOT_SPAN), query, next);
      },
    };
  }

  #isDue(): boolean {
    const { every } = this.#settings;
    return every > 0 && ++this.#queries % every === 0;
  }
}

async function traced(span: TracedSpan, query: Query, next: Handler): Promise<Answer> {
  query.span = span;
  query.metadata?.set(METADATA_LABEL, span.traceId);
  span.note({
    "coredns.io/name": query.name.toLowerCase(),
    "coredns.io/type": typeName(query.view.qtype),
    "coredns.io/proto": query.transport,
    "coredns.io/remote": query.client.address,
  });
  try {
    const answer = await next.serve(query);
    if (answer.dropped !== true) {
      span.note({ "coredns.io/rcode": rcodeName(readU16(answer.wire, FLAGS_AT) & RCODE_MASK) });
    }
    span.end(answer.error);
    return answer;
  } catch (error) {
    span.end(error instanceof Error ? error : new Error(String(error)));
    throw error;
  } finally {
    query.span = undefined;
  }
}
