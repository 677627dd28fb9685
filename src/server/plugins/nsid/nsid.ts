/** `nsid`: replies tell which server made them, to clients that ask for it (RFC 5001). */
import { hostname } from "node:os";
import { findOption, OPTION_NSID } from "../../../dns/edns.ts";
import type { EdnsOption } from "../../../dns/message.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArgs, expectNoProperties, once } from "../../corefile/arguments.ts";

export const nsid: Plugin = {
  directive: "nsid",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const directive = once(directives);
    const words = expectArgs(directive, 0, Number.POSITIVE_INFINITY);
    expectNoProperties(directive);
    const text = words.length === 0 ? hostname() : words.map((word) => word.text).join(" ");
    const option = { code: OPTION_NSID, data: new TextEncoder().encode(text) };
    // Hits of the cache carry it too, and the fast path knows of no options.
    context.seeEveryQuery();
    return { handler: (next) => new Nsid(next, option) };
  },
};

class Nsid implements Handler {
  readonly #next: Handler;
  readonly #option: EdnsOption;

  constructor(next: Handler, option: EdnsOption) {
    this.#next = next;
    this.#option = option;
  }

  serve(query: Query): Promise<Answer> {
    const { wire, view } = query;
    const asked = findOption(wire, view.optionsAt, view.optionsLength, OPTION_NSID) >= 0;
    return asked ? this.#serveWith(query) : this.#next.serve(query);
  }

  async #serveWith(query: Query): Promise<Answer> {
    const answer = await this.#next.serve(query);
    return { ...answer, options: [...(answer.options ?? []), this.#option] };
  }
}
