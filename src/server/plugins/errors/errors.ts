/** `errors`: a log line for each query that failed; many of one kind can be counted and told together. */
import { ConfigError, describeError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { FLAGS_AT, RCODE_MASK, readU16 } from "../../../dns/header.ts";
import { typeName } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import {
  expectArgs,
  once,
  parseDuration,
  properties,
  type Property,
  unknownProperty,
} from "../../corefile/arguments.ts";
import { Consolidation, type ConsolidationLevel } from "./consolidation.ts";
import { compileGoRegexp, type GoRegexp, PATTERN_MAX_CHARACTERS } from "../../corefile/go-regexp.ts";

export const errors: Plugin = {
  directive: "errors",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const log = context.log.plugin("errors");
    const options = readOptions(once(directives), log);
    return {
      handler: (next) => new Errors(next, options, log),
      stop: async () => {
        for (const consolidation of options.consolidations) consolidation.stop();
      },
    };
  },
};

interface Options {
  stacktrace: boolean;
  /** The first whose pattern matches takes the error. */
  readonly consolidations: Consolidation[];
}

function readOptions(directive: Directive, log: Log): Options {
  const [target] = expectArgs(directive, 0, 1);
  if (target !== undefined && target.text !== "stdout") {
    throw new ConfigError(target.position, `invalid log file: ${target.text}`);
  }
  const options: Options = { stacktrace: false, consolidations: [] };
  for (const property of properties(directive)) {
    switch (property.name.text) {
      case "stacktrace":
        expectArgs(property, 0);
        options.stacktrace = true;
        break;
      case "consolidate":
        options.consolidations.push(readConsolidation(property, log));
        break;
      default:
        unknownProperty(property);
    }
  }
  return options;
}

const LEVELS: ReadonlySet<string> = new Set<ConsolidationLevel>(["warning", "error", "info", "debug"]);

function isLevel(text: string): text is ConsolidationLevel {
  return LEVELS.has(text);
}

/** `consolidate DURATION REGEXP [LEVEL] [show_first]` */
function readConsolidation(property: Property, log: Log): Consolidation {
  const [period, pattern, ...rest] = expectArgs(property, 2, 4);
  if (period === undefined || pattern === undefined) throw new Error("expectArgs let missing words pass");
  const periodMs = parseDuration(period);
  if (pattern.text.length > PATTERN_MAX_CHARACTERS) {
    const fact = `regex pattern too long: ${pattern.text.length} > ${PATTERN_MAX_CHARACTERS}`;
    throw new ConfigError(pattern.position, fact);
  }
  let regexp: GoRegexp;
  try {
    regexp = compileGoRegexp(pattern.text);
  } catch (error) {
    throw new ConfigError(pattern.position, `error parsing regexp: ${describeError(error)}`, { cause: error });
  }
  let level: ConsolidationLevel | undefined;
  let showFirst = false;
  for (const token of rest) {
    if (token.text === "show_first") {
      showFirst = true;
    } else if (isLevel(token.text)) {
      if (level !== undefined) throw new ConfigError(token.position, "multiple log levels specified in consolidate");
      if (showFirst) throw new ConfigError(token.position, "log level must come before show_first in consolidate");
      level = token.text;
    } else {
      throw new ConfigError(token.position, `unknown option in consolidate: ${token.text}`);
    }
  }
  return new Consolidation({ periodMs, pattern: pattern.text, regexp, level: level ?? "error", showFirst, log });
}

class Errors implements Handler {
  readonly #next: Handler;
  readonly #options: Options;
  readonly #log: Log;

  constructor(next: Handler, options: Options, log: Log) {
    this.#next = next;
    this.#options = options;
    this.#log = log;
  }

  async serve(query: Query): Promise<Answer> {
    const answer = await this.#next.serve(query).catch((defect: unknown) => this.#tell(defect));
    if (answer.error !== undefined) this.#logError(query, answer, answer.error.message);
    return answer;
  }

  /** The edge answers a defect; here it only gets its stack into the log. */
  #tell(defect: unknown): never {
    if (this.#options.stacktrace) {
      this.#log.error(`Recovered from panic in server: ${defect instanceof Error ? defect.stack : String(defect)}`);
    }
    throw defect;
  }

  #logError(query: Query, answer: Answer, message: string): void {
    const consolidation = this.#options.consolidations.find((one) => one.matches(message));
    if (consolidation?.take() === true) return;
    const rcode = readU16(answer.wire, FLAGS_AT) & RCODE_MASK;
    const line = `${rcode} ${query.name.toLowerCase()} ${typeName(query.view.qtype)}: ${message}`;
    this.#log[consolidation?.level ?? "error"](line);
  }
}
