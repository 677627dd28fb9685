/**
 * `metadata`: plugins tell each other about a query, under labels `plugin/name`.
 *
 * It gives each query of its zones a `Metadata` and lets every plugin of the block that has something to tell fill it.
 * What is only known later (the upstream that answered) is told when it is known. Where the server knows whose an address is, it
 * tells that itself: `client/namespace` and `client/pod`.
 */
import { HEADER_BYTES } from "../../../dns/header.ts";
import { isBelow } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import { Metadata } from "../../chain/metadata.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import { pluginOrder } from "../../chain/plugin-order.ts";
import type { Query } from "../../chain/query.ts";
import { expectNoProperties, once, zonesOr } from "../../corefile/arguments.ts";

export const metadata: Plugin = {
  directive: "metadata",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const directive = once(directives);
    expectNoProperties(directive);
    const scopes = zonesOr(directive.args, context.zones).map((zone) => nameFromText(zone));
    context.seeEveryQuery();
    return new Collector(scopes, context);
  },
};

class Collector implements PluginInstance {
  readonly #scopes: readonly Uint8Array[];
  readonly #context: SetupContext;
  #providers: readonly PluginInstance[];

  constructor(scopes: readonly Uint8Array[], context: SetupContext) {
    this.#scopes = scopes;
    this.#context = context;
    this.#providers = [];
  }

  /** By now all plugins of the block are set up. */
  async start(): Promise<void> {
    this.#providers = pluginOrder(this.#context.compat).flatMap((directive) => {
      const instance = this.#context.sibling(directive);
      return instance?.metadata === undefined ? [] : [instance];
    });
  }

  collect(query: Query): void {
    if (query.metadata !== undefined || !this.#covers(query)) return;
    query.metadata = new Metadata();
    this.#tellClient(query, query.metadata);
    for (const provider of this.#providers) provider.metadata?.(query, query.metadata);
  }

  handler(next: Handler): Handler {
    return {
      serve: (query: Query): Promise<Answer> => {
        this.collect(query);
        return next.serve(query);
      },
    };
  }

  #tellClient(query: Query, metadata: Metadata): void {
    const { whoIs } = this.#context;
    if (whoIs === undefined) return;
    metadata.set("client/namespace", () => whoIs.whoIs(query.client.address)?.namespace ?? "");
    metadata.set("client/pod", () => whoIs.whoIs(query.client.address)?.pod ?? "");
  }

  #covers(query: Query): boolean {
    return this.#scopes.some((scope) => isBelow(query.wire, HEADER_BYTES, scope));
  }
}
