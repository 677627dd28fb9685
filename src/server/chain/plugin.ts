/**
 * The contract between a plugin folder and the daemon.
 *
 * `setup` turns a directive of one server block into an instance; it may throw `ConfigError` and must not open
 * anything. `start` opens; `stop` closes. A reload makes new instances, starts them, and then stops the old ones, so
 * what should live on (listening HTTP servers, the answer store) comes from `SetupContext` and is shared by key.
 */
import type { SocketAddress } from "../../base/address.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { QueryView } from "../../dns/query-view.ts";
import type { Directive, Token } from "../corefile/tree.ts";
import type { ServerKey } from "../corefile/server-key.ts";
import type { WhoIs } from "../clients/who-is.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { AnswerStore } from "../cache/answer-store.ts";
import type { OpenGroups } from "../upstream/open-groups.ts";
import type { UpstreamSockets } from "../upstream/upstream-ports.ts";
import type { UpstreamTap } from "../upstream/upstream-tap.ts";
import type { HttpServers } from "../web/http-servers.ts";
import type { Handler } from "./handler.ts";
import type { Query, ServerIdentity } from "./query.ts";
import type { Answer } from "./answer.ts";
import type { Metadata } from "./metadata.ts";
import type { Shared } from "./shared.ts";
import type { StreamTimeouts, TlsSource } from "./stream-settings.ts";

/** Which CoreDNS an operator wants to be compatible with where 1.14.7, 1.12.2 and the RFCs differ. */
export type CorednsCompat = "1.12" | "1.14";

/** Things of the process that outlive one configuration. */
export interface Services {
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly store: AnswerStore;
  readonly ports: UpstreamSockets;
  readonly http: HttpServers;
  /** Groups of upstreams that are open. */
  readonly upstreams: OpenGroups;
  /** What several plugins use together and what lives on over a reload, by key. */
  readonly shared: Shared;
  readonly compat: CorednsCompat;
  /** Of Nodens, without a `v`. */
  readonly version: string;
  /** Whose an address is; undefined where nobody knows. */
  readonly whoIs?: WhoIs | undefined;
  /** Ends the process after a clean stop, with a fatal log line already written (the `loop` plugin). */
  fatal(message: string): void;
  /**
   * Asks for a reload of the configuration, as SIGUSR1 does. Never rejects; a failed reload is counted.
   *
   * @returns why the old configuration stays, or undefined when the new one is in use
   */
  requestReload(): Promise<string | undefined>;
  /** Asks the listener that `query` came to, as a client would: whatever block serves the name answers. Never rejects. */
  askServer(query: Query): Promise<Answer>;
  /**
   * Told the ready endpoints of the cluster's DNS whenever they change, `10.244.1.2:53` each: what answers while nobody runs
   * here. Not called while none is known.
   */
  tellClusterDns(endpoints: readonly string[]): void;
  /** Turns debug log lines on (the `debug` plugin). */
  enableDebug(on: boolean): void;
}

/** One server block as plugins see it while they are set up. */
export interface SetupContext extends Services {
  /** Keys of the block; a CIDR key has been expanded. */
  readonly keys: readonly ServerKey[];
  /** Zones of the keys, lower case, absolute, without repeats. */
  readonly zones: readonly string[];
  /** Folder of the Corefile, for relative paths, unless `root` says another. */
  root: string;
  /** Addresses from `bind`; empty means all. Set by the `bind` plugin, read by the daemon. */
  bindAddresses: string[];
  /** From `tls`; undefined without it. Read by the daemon. */
  tls: TlsSource | undefined;
  /** From `timeouts`. Read by the daemon. */
  timeouts: StreamTimeouts;
  /** From `view`: the label in metrics; "" without one. Known from `start` on. */
  view: string;
  /** From `dnstap`: is told what goes to upstreams and comes back. Known from `start` on. */
  upstreamTap: UpstreamTap | undefined;
  /** Hash over the whole parsed configuration (SHA-512, hex), imports included: what `reload` compares. */
  readonly configurationHash: string;
  /** Reads and parses the configuration again without applying it. @returns its hash. @throws ConfigError */
  currentHash(): Promise<string>;
  /**
   * Number that keeps this block's cached answers apart from other blocks' (see `cache/answer-store.ts`). Known once all plugins
   * are set up: to handlers, and from `start` on.
   */
  readonly partition: number;
  /** Servers that this block listens on. Known from `start` on. */
  servers(): readonly ServerIdentity[];
  /** Asks a question of this block's own chain, from its top. Known from `start` on. */
  ask(query: Query): Promise<Answer>;
  /** Puts the block onto the slow path: every query runs through the chain, hits too (for plugins above cache). */
  seeEveryQuery(): void;
  /** Lets NXDOMAIN that the cache holds go through the chain too, for a plugin above it that can do better than that. */
  seeDenials(): void;
  /** Instance of another plugin of this block, once all are set up. */
  sibling(directive: string): PluginInstance | undefined;
}

export interface PluginInstance {
  /**
   * What decides the answers that the block's cache holds and is not in the text of directives below it: what was read from
   * files while it was set up. A block of which it differs does not find what is cached.
   */
  readonly origin?: string;
  /** Makes the link that stands in front of `next`. Absent: the plugin takes no part in answering. */
  handler?(next: Handler): Handler;
  /**
   * Makes a link right above the cache, for a plugin whose place is below it and that is to see hits too. In a block
   * without a cache it stands above the plugin's own `handler`.
   */
  aboveCache?(next: Handler): Handler;
  /**
   * Where all questions that reach the plugin may be put as they are, over UDP, while there is no server; known from `start` on.
   * None when that is not so.
   */
  plainUpstreams?(): readonly SocketAddress[];
  /** Whether its handler answers this question, whose class is not IN; what no plugin of the block does is refused. */
  answersClass?(wire: Uint8Array, view: QueryView): boolean;
  /** Opens what the plugin needs. Rejects with a `NodensError`: the configuration is then not used. */
  start?(): Promise<void>;
  /** A reload replaced this instance (`reload`) or the process ends (`shutdown`). Never rejects. */
  stop?(reason: "reload" | "shutdown"): Promise<void>;
  /** Before anything is stopped at shutdown: the `health` plugin's lameduck. Never rejects. */
  beforeShutdown?(): Promise<void>;
  /** For the `ready` plugin. Absent: always ready. */
  isReady?(): boolean;
  /** The `view` plugin: whether the block takes a query. Never throws. */
  accepts?(query: Query): boolean;
  /** The `metadata` plugin: gives the query its `metadata`, before `accepts` and the chain see it. */
  collect?(query: Query): void;
  /** Tells about a query what other plugins may want to know; called by `collect`. Quick; never throws. */
  metadata?(query: Query, into: Metadata): void;
  /**
   * For `autopath @directive`: the search list of the client, domains in wire form and lower case, the first one first,
   * without the root.
   *
   * @returns undefined for a client of which it is not known
   */
  searchPath?(query: Query): readonly Uint8Array[] | undefined;
  /** Queries that this plugin gives a span to have one for each link below it (the `trace` plugin). */
  readonly tracesLinks?: boolean;
}

export interface Plugin {
  readonly directive: string;
  /** May stand more than once in a server block. Else the second is an error. */
  readonly repeatable?: boolean;
  /** @param directives all occurrences in the block, in file order; one unless `repeatable` */
  setup(directives: readonly Directive[], context: SetupContext): PluginInstance;
}

export type { Directive, Token };
