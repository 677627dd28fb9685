/**
 * Spans, batched and posted by OTLP over HTTP as protobuf. The only module that knows OpenTelemetry; `trace.ts` loads
 * it when a server block with the directive starts.
 *
 * Nothing of the global API is used: several server blocks may have tracers of their own. A collector that is away costs
 * the spans that find the queue full, and one line of the log each time it goes.
 */
import { ROOT_CONTEXT, type Span as ApiSpan, SpanKind, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Log } from "../../../base/log.ts";
import type { Span } from "../../chain/span.ts";
import type { TraceSettings } from "./trace-settings.ts";

/** For a batch, retries included. */
const EXPORT_TIMEOUT_MS = 10_000;
/** For what is left at the end. */
const SHUTDOWN_TIMEOUT_MS = 2000;
/** `ExportResultCode.SUCCESS`. */
const SUCCESS = 0;

export class OtlpTracing {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;

  /** @param version of Nodens */
  constructor(settings: TraceSettings, version: string, log: Log) {
    const exporter = new OTLPTraceExporter({ url: settings.url, timeoutMillis: EXPORT_TIMEOUT_MS });
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ "service.name": settings.service, "service.version": version }),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new ToldExporter(exporter, settings.url, log),
          maxQueueSize: settings.backlog,
          maxExportBatchSize: settings.batch,
          scheduledDelayMillis: settings.intervalMs,
          exportTimeoutMillis: EXPORT_TIMEOUT_MS,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer("nodens", version);
  }

  /** Begins a trace. */
  root(name: string): TracedSpan {
    return new TracedSpan(
      this.#tracer,
      this.#tracer.startSpan(name, { kind: SpanKind.SERVER, root: true }, ROOT_CONTEXT),
    );
  }

  /** Sends what waits, for a moment. Never rejects. */
  async shutdown(): Promise<void> {
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, SHUTDOWN_TIMEOUT_MS).unref());
    await Promise.race([timeout, this.#provider.shutdown().catch(() => {})]);
  }
}

export class TracedSpan implements Span {
  readonly #tracer: Tracer;
  readonly #span: ApiSpan;

  constructor(tracer: Tracer, span: ApiSpan) {
    this.#tracer = tracer;
    this.#span = span;
  }

  /** 32 hexadecimal digits. */
  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  /** Notes facts about it. */
  note(facts: Readonly<Record<string, string>>): void {
    this.#span.setAttributes(facts);
  }

  child(name: string): TracedSpan {
    return new TracedSpan(this.#tracer, this.#tracer.startSpan(name, {}, trace.setSpan(ROOT_CONTEXT, this.#span)));
  }

  end(failure?: Error): void {
    if (failure !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message });
    this.#span.end();
  }
}

/** Tells the log when spans cannot be sent, and no more until they could. */
class ToldExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #url: string;
  readonly #log: Log;
  #told: boolean;

  constructor(exporter: SpanExporter, url: string, log: Log) {
    this.#exporter = exporter;
    this.#url = url;
    this.#log = log;
    this.#told = false;
  }

  export(...[spans, done]: Parameters<SpanExporter["export"]>): void {
    this.#exporter.export(spans satisfies ReadableSpan[], (result) => {
      const failed = result.code !== SUCCESS;
      if (failed && !this.#told) {
        this.#log.warning(`cannot send spans to ${this.#url}: ${result.error?.message ?? "refused"}`);
      }
      this.#told = failed;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}
