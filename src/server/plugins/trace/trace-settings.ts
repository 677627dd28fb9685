/** A `trace` directive read into settings: syntax and defaults of CoreDNS 1.14.7, with OTLP in place of Zipkin. */
import { ConfigError } from "../../../base/errors.ts";
import type { Directive, Token } from "../../chain/plugin.ts";
import {
  expectArg,
  expectArgs,
  parseDuration,
  parseInteger,
  properties,
  type Property,
  unknownProperty,
} from "../../corefile/arguments.ts";

export interface TraceSettings {
  /** Where spans are posted. */
  readonly url: string;
  /** One query of so many is traced; 0: none. */
  readonly every: number;
  readonly service: string;
  /** Spans that may wait; more are dropped. */
  readonly backlog: number;
  /** Spans sent at once. */
  readonly batch: number;
  /** Longest wait of a span, milliseconds. */
  readonly intervalMs: number;
}

const DEFAULT_ENDPOINT = "localhost:4318";
const PATH = "/v1/traces";
const BACKLOG_MAX = 1_000_000;
/** Of Go's `strconv.ParseBool`. */
const BOOLEANS = ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"];

/** @throws ConfigError */
export function readTrace(directive: Directive): TraceSettings {
  const [first, second] = expectArgs(directive, 0, 2);
  if (second !== undefined && first !== undefined) checkType(first);
  const settings = {
    url: urlOf(second ?? first),
    every: 1,
    service: "coredns",
    backlog: 1000,
    batch: 100,
    intervalMs: 1000,
  };
  for (const property of properties(directive)) {
    switch (property.name.text) {
      case "every":
        settings.every = parseInteger(expectArg(property), 0, Number.MAX_SAFE_INTEGER);
        break;
      case "service":
        settings.service = expectArg(property).text;
        break;
      case "client_server":
        checkBoolean(property);
        break;
      case "zipkin_max_backlog_size":
        settings.backlog = parseInteger(expectArg(property), 1, BACKLOG_MAX);
        break;
      case "zipkin_max_batch_size":
        settings.batch = parseInteger(expectArg(property), 1, BACKLOG_MAX);
        break;
      case "zipkin_max_batch_interval":
        settings.intervalMs = Math.ceil(parseDuration(expectArg(property), 1, 3_600_000));
        break;
      case "datadog_analytics_rate":
        throw new ConfigError(property.name.position, "datadog_analytics_rate is for datadog, which is not supported");
      default:
        unknownProperty(property);
    }
  }
  return { ...settings, batch: Math.min(settings.batch, settings.backlog) };
}

function checkType({ text, position }: Token): void {
  const type = text.toLowerCase();
  if (type === "otlp") return;
  const known = type === "zipkin" || type === "datadog";
  throw new ConfigError(
    position,
    `tracing endpoint type '${text}' is not supported`,
    known
      ? { hint: "Spans are sent by OTLP over HTTP: trace otlp HOST:4318, to an OpenTelemetry collector or agent" }
      : {},
  );
}

/** `host:port` and a URL without a path get the standard path. */
function urlOf(token: Token | undefined): string {
  const text = token?.text ?? DEFAULT_ENDPOINT;
  if (token !== undefined && ["otlp", "zipkin", "datadog"].includes(text.toLowerCase())) {
    throw new ConfigError(token.position, `'${text}' is a type: an endpoint must follow it`);
  }
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`);
  if (url === null || url.hostname === "") {
    throw new ConfigError(token?.position ?? noPosition(), `no address of a tracing endpoint: ${text}`);
  }
  if (url.pathname === "/") url.pathname = PATH;
  return url.href;
}

function noPosition(): never {
  throw new Error("the standard endpoint is no URL");
}

/** It means something to Zipkin only. */
function checkBoolean(property: Property): void {
  const [token] = expectArgs(property, 0, 1);
  if (token === undefined || BOOLEANS.includes(token.text)) return;
  throw new ConfigError(token.position, `'${token.text}' is neither true nor false`);
}
