/** `any`: questions for all types at once get one short HINFO record (RFC 8482 §4.2). */
import type { ResourceRecord } from "../../../dns/records/record.ts";
import { respond } from "../../../dns/response-builder.ts";
import { CLASS_IN, RCODE_NOERROR, TYPE_ANY, TYPE_HINFO } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArgs, expectNoProperties, once } from "../../corefile/arguments.ts";

/** The number of the RFC. */
const TTL_S = 8482;
const CPU: Uint8Array = new TextEncoder().encode("ANY obsoleted");
const OS: Uint8Array = new TextEncoder().encode("See RFC 8482");

/**
 * The fast path may go on: no answer to ANY ever reaches the cache below, so none is ever found there (`block.ts` starts
 * a cold cache when `any` comes into a block).
 */
export const any: Plugin = {
  directive: "any",
  setup: (directives: readonly Directive[]): PluginInstance => {
    const directive = once(directives);
    expectArgs(directive, 0);
    expectNoProperties(directive);
    return { handler: (next) => new Any(next) };
  },
};

class Any implements Handler {
  readonly #next: Handler;

  constructor(next: Handler) {
    this.#next = next;
  }

  serve(query: Query): Promise<Answer> {
    const { wire, view } = query;
    if (view.qtype !== TYPE_ANY) return this.#next.serve(query);
    const record: ResourceRecord = {
      name: wire.slice(12, 12 + view.nameLength),
      type: TYPE_HINFO,
      class: CLASS_IN,
      ttl: TTL_S,
      data: { kind: "hinfo", cpu: CPU, os: OS },
    };
    return Promise.resolve({ wire: respond(wire, view, RCODE_NOERROR, [record]), plugin: "any" });
  }
}
