/** `template`: answers made of the question, by Go templates. */
import { FLAG_TC, FLAGS_AT, HEADER_BYTES, readU16, writeU16 } from "../../../dns/header.ts";
import { decodeMessage } from "../../../dns/message.ts";
import { MessageError } from "../../../dns/message-error.ts";
import { isBelow } from "../../../dns/name.ts";
import { recordFromText } from "../../../dns/records/record-text.ts";
import type { ResourceRecord } from "../../../dns/records/record.ts";
import { RecordTextError } from "../../../dns/records/text-words.ts";
import { respond } from "../../../dns/response-builder.ts";
import { RCODE_SERVFAIL, TYPE_A, TYPE_AAAA, TYPE_CNAME } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import { serverFailure } from "../../chain/failure.ts";
import type { Handler } from "../../chain/handler.ts";
import { lookUp } from "../../chain/look-up.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { matchTemplate, type TemplateMatch } from "./match.ts";
import { runTemplate } from "./run.ts";
import { fits, readTemplate, type RecordTemplate, type Section, type TemplateSettings } from "./settings.ts";
import { TemplateError } from "./values.ts";

export const template: Plugin = {
  directive: "template",
  repeatable: true,
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const templates = directives.map((directive) => readTemplate(directive, context.zones));
    return {
      answersClass: (wire, { qclass }) =>
        templates.some(({ dnsClass, zones }) => {
          return fits(dnsClass, qclass) && zones.some((zone) => isBelow(wire, HEADER_BYTES, zone.wire));
        }),
      handler: (next) => new TemplateHandler(next, templates, context),
    };
  },
};

class TemplateHandler implements Handler {
  readonly #next: Handler;
  readonly #templates: readonly TemplateSettings[];
  readonly #context: SetupContext;

  constructor(next: Handler, templates: readonly TemplateSettings[], context: SetupContext) {
    this.#next = next;
    this.#templates = templates;
    this.#context = context;
  }

  async serve(query: Query): Promise<Answer> {
    for (const settings of this.#templates) {
      const match = matchTemplate(settings, query);
      if (match === "next") continue;
      if (match === "fail") return serverFailure(query, "template");
      return this.#answer(query, settings, match);
    }
    return this.#next.serve(query);
  }

  async #answer(query: Query, settings: TemplateSettings, match: TemplateMatch): Promise<Answer> {
    const { zone, dnsClass, type } = match;
    const { metrics, view } = this.#context;
    metrics.counter("coredns_template_matches_total").with(query.server.label, zone, view, dnsClass, type).add();
    const { rcode, extendedError } = settings;
    if (rcode === RCODE_SERVFAIL) return serverFailure(query, "template");
    const sections: Record<Section, ResourceRecord[]> = { answer: [], additional: [], authority: [] };
    let truncated = false;
    try {
      for (const record of settings.records) {
        const made = this.#record(query, record, match);
        if (made === undefined) continue;
        const section = sections[record.section];
        section.push(made);
        if (record.section !== "answer") continue;
        const more = await this.#follow(query, made);
        if (more === undefined) continue;
        section.push(...more.answers);
        truncated = more.truncated;
      }
      const { answer, additional, authority } = sections;
      const wire = respond(query.wire, query.view, rcode, answer, { authoritative: true, additional, authority });
      if (truncated) writeU16(wire, FLAGS_AT, readU16(wire, FLAGS_AT) | FLAG_TC);
      return extendedError === undefined ? { wire, plugin: "template" } : { wire, plugin: "template", extendedError };
    } catch (error) {
      if (error instanceof TemplateError || error instanceof RecordTextError || error instanceof MessageError) {
        return serverFailure(query, "template", error);
      }
      throw error;
    }
  }

  /** @returns undefined for a template whose text is blank: a record under a condition */
  #record(query: Query, { section, source, nodes }: RecordTemplate, match: TemplateMatch): ResourceRecord | undefined {
    const { zone, dnsClass, type, data } = match;
    const { metrics, view } = this.#context;
    const labels = [query.server.label, zone, view, dnsClass, type, section, source] as const;
    let text: string;
    try {
      text = runTemplate(nodes, data);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      metrics
        .counter("coredns_template_template_failures_total")
        .with(...labels)
        .add();
      throw new TemplateError(`template: ${section}: ${error.message}`, { cause: error });
    }
    if (text.trim() === "") return undefined;
    try {
      return recordFromText(text);
    } catch (error) {
      if (error instanceof RecordTextError)
        metrics
          .counter("coredns_template_rr_failures_total")
          .with(...labels)
          .add();
      throw error;
    }
  }

  /** The addresses behind a CNAME, for a client that asked for addresses. */
  async #follow(
    query: Query,
    { type, data }: ResourceRecord,
  ): Promise<{ answers: readonly ResourceRecord[]; truncated: boolean } | undefined> {
    const { qtype } = query.view;
    if (type !== TYPE_CNAME || data.kind !== "name" || (qtype !== TYPE_A && qtype !== TYPE_AAAA)) return undefined;
    const found = await lookUp(this.#context, query, data.name, qtype);
    if (found === undefined) return undefined;
    const { answers, flags } = decodeMessage(found.wire);
    return { answers, truncated: (flags & FLAG_TC) !== 0 };
  }
}
