/** A server block that has been set up: its chain, and the plugins that live and die with it. */
import { dirname, resolve } from "node:path";
import { ConfigError } from "../../base/errors.ts";
import type { Answer } from "../chain/answer.ts";
import { endOfChain, refuseAll } from "../chain/failure.ts";
import type { Handler } from "../chain/handler.ts";
import type { Plugin, PluginInstance, Services, SetupContext } from "../chain/plugin.ts";
import { pluginOrder } from "../chain/plugin-order.ts";
import type { Query, ServerIdentity } from "../chain/query.ts";
import type { StreamTimeouts, TlsSource } from "../chain/stream-settings.ts";
import { TracedLink } from "../chain/traced-link.ts";
import { type ServerKey, serverKeys } from "../corefile/server-key.ts";
import type { Corefile, Directive, ServerBlock } from "../corefile/tree.ts";

export interface Block {
  readonly keys: readonly ServerKey[];
  /** Addresses to listen on; empty: all. */
  readonly bindAddresses: readonly string[];
  /** For its `tls://` keys. */
  readonly tls: TlsSource | undefined;
  readonly timeouts: StreamTimeouts;
  /** Label in metrics; "" without a view. */
  readonly view: string;
  /** Whether it takes a query, which gets its metadata by that; undefined: all. Never throws. */
  readonly accepts: ((query: Query) => boolean) | undefined;
  readonly chain: Handler;
  readonly partition: number;
  /** Its queries all go through the chain. */
  readonly slow: boolean;
  /** Where it is not slow: NXDOMAIN goes through the chain, hit or not. */
  readonly seesDenials: boolean;
  /** Directives in chain order. */
  readonly plugins: readonly { readonly directive: string; readonly instance: PluginInstance }[];
  /** A defect in a handler ends the process instead of being answered SERVFAIL. */
  readonly debug: boolean;
  /** Filled when the listeners are open. */
  servers: readonly ServerIdentity[];
}

export interface BlockOptions {
  /** Every plugin that the Corefile names, by directive. */
  readonly plugins: ReadonlyMap<string, Plugin>;
  readonly corefile: Corefile;
  readonly services: Services;
  /** Port of keys that name none. */
  readonly defaultPort: number;
  /** See `ServerOptions`. */
  readonly rebind?: ((addresses: readonly string[]) => readonly string[]) | undefined;
  readonly currentHash: () => Promise<string>;
}

/** @throws ConfigError */
export function setUpBlock(block: ServerBlock, options: BlockOptions): Block {
  const { corefile, services, defaultPort } = options;
  const keys = block.keys.flatMap((key) => serverKeys(key, defaultPort));
  for (const key of keys) {
    if (key.scheme !== "dns" && key.scheme !== "tls")
      throw new ConfigError(key.token.position, `${key.scheme}:// is not served by this version`);
    if (key.scheme === "tls" && !block.directives.some((directive) => directive.name.text === "tls")) {
      throw new ConfigError(key.token.position, "tls:// needs a certificate", {
        hint: "Add `tls CERT KEY` to the server block",
      });
    }
  }
  const order = pluginOrder(services.compat);
  const ordered = inOrder(block.directives, order);
  const folder = corefile.file.startsWith("<") ? process.cwd() : resolve(dirname(corefile.file));
  const plugins: SetUpPlugin[] = [];
  let seesDenials = false;
  let slow = !ordered.some(([directive]) => directive === "cache");
  // Known once all plugins are set up and the listeners are open; plugins use them from `start` on.
  const late: { chain: Handler; block: Block | undefined; partition: number } = {
    chain: endOfChain,
    block: undefined,
    partition: 0,
  };
  const context: SetupContext = {
    ...services,
    keys,
    zones: [...new Set(keys.map((key) => key.zone))],
    root: folder,
    bindAddresses: [],
    tls: undefined,
    timeouts: {},
    view: "",
    upstreamTap: undefined,
    configurationHash: corefile.hash,
    currentHash: options.currentHash,
    get partition() {
      if (late.partition === 0) throw new Error("the partition is known when all plugins are set up");
      return late.partition;
    },
    servers: () => late.block?.servers ?? [],
    ask: (query: Query): Promise<Answer> => late.chain.serve(query),
    seeEveryQuery: () => {
      slow = true;
    },
    seeDenials: () => {
      seesDenials = true;
    },
    sibling: (directive) => plugins.find((plugin) => plugin.directive === directive)?.instance,
  };
  for (const [directive, occurrences] of ordered) {
    const plugin = options.plugins.get(directive);
    const [first, second] = occurrences;
    if (plugin === undefined || first === undefined) continue;
    if (second !== undefined && plugin.repeatable !== true) {
      throw new ConfigError(
        second.name.position,
        `plugin/${directive}: this plugin can only be used once per Server Block`,
      );
    }
    plugins.push({ directive, instance: plugin.setup(occurrences, context) });
  }
  const partition = services.store.partition(signatureOf(keys, ordered, order, folder, plugins));
  late.partition = partition;
  const links = plugins.filter((plugin) => plugin.instance.handler !== undefined);
  const chain = composed(plugins);
  late.chain = chain;
  const made: Block = {
    keys,
    bindAddresses: options.rebind?.(context.bindAddresses) ?? context.bindAddresses,
    tls: context.tls,
    timeouts: context.timeouts,
    view: context.view,
    accepts: acceptance(plugins.map(({ instance }) => instance)),
    chain,
    partition,
    slow: slow || links.length === 0,
    seesDenials,
    plugins,
    debug: ordered.some(([directive]) => directive === "debug"),
    servers: [],
  };
  late.block = made;
  return made;
}

interface SetUpPlugin {
  readonly directive: string;
  readonly instance: PluginInstance;
}

/** The chain of a block. Below a plugin that traces, each link has a span of its own. */
function composed(plugins: readonly SetUpPlugin[]): Handler {
  const hasCache = plugins.some(({ directive }) => directive === "cache");
  let chain = plugins.some(({ instance }) => instance.handler !== undefined) ? endOfChain : refuseAll;
  let traced = plugins.some(({ instance }) => instance.tracesLinks === true);
  const waiting: SetUpPlugin[] = [];
  const put = (directive: string, link: Handler | undefined): void => {
    if (link !== undefined) chain = traced ? new TracedLink(directive, link) : link;
  };
  for (const plugin of plugins.toReversed()) {
    const { directive, instance } = plugin;
    if (instance.tracesLinks === true) traced = false;
    put(directive, instance.handler?.(chain));
    if (instance.aboveCache !== undefined) waiting.push(plugin);
    if (hasCache && directive !== "cache") continue;
    for (const below of waiting.splice(0)) put(below.directive, below.instance.aboveCache?.(chain));
  }
  return chain;
}

/** What the block's view says, with the metadata that it may ask for; undefined without a view. */
function acceptance(instances: readonly PluginInstance[]): ((query: Query) => boolean) | undefined {
  const view = instances.find((instance) => instance.accepts !== undefined);
  if (view === undefined) return undefined;
  const collector = instances.find((instance) => instance.collect !== undefined);
  return (query) => {
    collector?.collect?.(query);
    return view.accepts?.(query) === true;
  };
}

/** Directives grouped, in the order of the chain. */
function inOrder(directives: readonly Directive[], order: readonly string[]): [string, Directive[]][] {
  const groups = Map.groupBy(directives, (directive) => directive.name.text);
  return order.flatMap((name): [string, Directive[]][] => {
    const group = groups.get(name);
    return group === undefined ? [] : [[name, group]];
  });
}

/**
 * Directives above the cache that decide what it holds too. `any` and `local` keep some questions from it: what it holds of
 * those was cached without them. `root` says which files relative paths below name.
 */
const DECIDING_ABOVE: ReadonlySet<string> = new Set(["any", "local", "root"]);

/** Below the cache in the order, but no part of making answers. */
const ASIDE: ReadonlySet<string> = new Set(["loop", "tls"]);

/**
 * What decides where a block's answers come from: its zones, the directives below the cache, some above it, and the
 * folder that relative paths start from, with what plugins say. Two configurations with the same signature may share cached answers; a
 * change of it starts cold (ADR 0004).
 */
function signatureOf(
  keys: readonly ServerKey[],
  ordered: readonly [string, Directive[]][],
  order: readonly string[],
  folder: string,
  plugins: readonly SetUpPlugin[],
): string {
  const cacheAt = order.indexOf("cache");
  const deciding = ordered.filter(
    ([name]) => DECIDING_ABOVE.has(name) || (order.indexOf(name) > cacheAt && !ASIDE.has(name)),
  );
  const words = deciding.flatMap(([, directives]) =>
    directives.map((directive) => [
      directive.name.text,
      ...directive.args.map((token) => token.text),
      ...(directive.lines ?? []).map((line) => line.map((token) => token.text)),
    ]),
  );
  const origins = plugins.flatMap(({ directive, instance: { origin = "" } }) =>
    origin === "" ? [] : [directive, origin],
  );
  return JSON.stringify([[...new Set(keys.map((key) => key.zone))].toSorted(), folder, words, origins]);
}
