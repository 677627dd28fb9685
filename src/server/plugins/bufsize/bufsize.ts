/** `bufsize`: a client's UDP payload size (RFC 6891 §6.2.3) counts for no more than a limit. */
import { SERVER_UDP_SIZE } from "../../../dns/edns.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArgs, expectNoProperties, once, parseInteger } from "../../corefile/arguments.ts";

/** Bytes: DNS Flag Day 2020. */
const DEFAULT_SIZE = 1232;
const SIZE_MIN = 512;
const SIZE_MAX = 4096;

export const bufsize: Plugin = {
  directive: "bufsize",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const directive = once(directives);
    const [argument] = expectArgs(directive, 0, 1);
    expectNoProperties(directive);
    const size = argument === undefined ? DEFAULT_SIZE : parseInteger(argument, SIZE_MIN, SIZE_MAX);
    // No reply over UDP is longer than that anyway, hits on the fast path neither.
    if (size < SERVER_UDP_SIZE) context.seeEveryQuery();
    return { handler: (next) => new Bufsize(next, size) };
  },
};

class Bufsize implements Handler {
  readonly #next: Handler;
  readonly #size: number;

  constructor(next: Handler, size: number) {
    this.#next = next;
    this.#size = size;
  }

  serve(query: Query): Promise<Answer> {
    const { view } = query;
    // In the query's own view, so that the edge keeps to it too. Without OPT it is 512 already.
    if (view.udpSize > this.#size) view.udpSize = this.#size;
    return this.#next.serve(query);
  }
}
