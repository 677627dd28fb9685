/**
 * The life of the server: a configuration in use, the next one prepared beside it, an orderly end.
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import type { LineLog } from "../../base/log.ts";
import type { ClusterSource } from "../../kube/cluster-source.ts";
import { libc } from "../../linux/libc.ts";
import { releaseProgramPages } from "../../linux/program-pages.ts";
import { trimMemoryAfterWork } from "../../linux/trim-memory.ts";
import { AnswerStore } from "../cache/answer-store.ts";
import { ClientWatch } from "../clients/client-watch.ts";
import { PodDirectory } from "../clients/pod-directory.ts";
import type { CorednsCompat, Services } from "../chain/plugin.ts";
import { Shared } from "../chain/shared.ts";
import type { Corefile } from "../corefile/tree.ts";
import { leaveThread } from "../fastpath/begin-thread.ts";
import { DgramFront } from "../fastpath/dgram-front.ts";
import { FfiFront } from "../fastpath/ffi-front.ts";
import type { UdpFront } from "../fastpath/udp-front.ts";
import { Metrics } from "../metrics/metrics.ts";
import type { TcpLimits } from "../stream/tcp-limits.ts";
import { ANSWERS_PREFIX } from "../keeper/names.ts";
import { TcpService } from "../stream/tcp-service.ts";
import { socketsOf } from "../plugins/multisocket/multisocket.ts";
import { OpenGroups } from "../upstream/open-groups.ts";
import type { AdminAddress } from "../web/admin-address.ts";
import { HttpServers } from "../web/http-servers.ts";
import { Admin, type AdminPlaces } from "./admin.ts";
import { type Block, setUpBlock } from "./block.ts";
import { CacheFile } from "./cache-file.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Heart } from "./heart.ts";
import { KeptHttpSockets } from "./kept-http-sockets.ts";
import { inheritAnswers } from "./inherit-answers.ts";
import { showKeeper } from "./keeper-metrics.ts";
import { type KeeperLink } from "./keeper-link.ts";
import { LeftBehind } from "./left-behind.ts";
import { type ListenOverride, planListeners } from "./listener-plan.ts";
import { type ListeningAddress, Listeners } from "./listeners.ts";
import { loadPlugins } from "./plugin-table.ts";
import { showStore } from "./store-metrics.ts";
import { tcpStats } from "./tcp-metrics.ts";
import { LEDGER_SIZES, type Counting, type LedgerSizes } from "../clients/counting.ts";

export interface ServerOptions {
  readonly log: LineLog;
  /** Reads and parses the configuration. @throws ConfigError, CorefileReadError */
  readonly load: () => Corefile;
  readonly defaultPort: number;
  readonly listen: readonly ListenOverride[];
  /** Of the fast path, unless the Corefile says otherwise (`multisocket`). */
  readonly threads: number;
  /** Bound of the answer store, bytes. */
  readonly cacheBytes: number;
  /** Where the answers are kept while the server does not run. */
  readonly cacheFile?: string | undefined;
  /** False: as if this machine had no FFI. */
  readonly useFfi?: boolean;
  readonly compat: CorednsCompat;
  readonly tcpLimits: Partial<TcpLimits>;
  readonly maxInFlight: number;
  readonly version: string;
  /** Who asks what; default: it is never counted. */
  readonly counting?: Counting;
  readonly ledgerSizes?: LedgerSizes;
  /** Where the names of pods come from, and the node whose they are ("": all nodes'). The server closes the source. */
  readonly pods?: { readonly source: ClusterSource; readonly node: string } | undefined;
  /** Default: there is no admin API. */
  readonly admin?: AdminPlaces | undefined;
  /** Time of the main thread, default the system's; the fast path's threads always have that. */
  readonly clock?: Clock;
  /** Where there is one: what it kept is taken, and this server's is kept. */
  readonly keeper?: KeeperLink | undefined;
  /** Told the ready endpoints of the cluster's DNS, as `Services.tellClusterDns`. */
  readonly onClusterDns?: (endpoints: readonly string[]) => void;
  /** Addresses to listen on in place of those that a block's `bind` names. */
  readonly rebind?: ((addresses: readonly string[]) => readonly string[]) | undefined;
  /** The server must end: a plugin said so, or a thread died. */
  readonly onFatal: (message: string) => void;
}

/** Grace for what is in flight when the server ends, milliseconds (CoreDNS: 5 s). */
const DRAIN_MS = 5000;
/** The instance before has its HTTP addresses until this one is ready (60 s at most) and it has ended (15 s at most). */
const HTTP_ADDRESS_MS = 75_000;
/** By then HTTP addresses are asked for that are not in the Corefile. */
const HTTP_CLAIM_MS = 1000;
/** Seconds between two looks for memory to give back. */
const TICKS_A_TRIM = 3;
/** Seconds between two times that the pages of the program are let go of; the first is soon after the start. */
const TICKS_A_RELEASE = 300;

export class Server {
  readonly #options: ServerOptions;
  readonly #clock: Clock;
  readonly #services: Services;
  readonly #front: UdpFront;
  readonly #tcp: TcpService;
  readonly #dispatcher: Dispatcher;
  readonly #listeners: Listeners;
  readonly #http: HttpServers;
  /** None without a keeper. */
  readonly #httpSockets: KeptHttpSockets | undefined;
  readonly #clients: ClientWatch;
  readonly #admin: Admin;
  readonly #pods: PodDirectory | undefined;
  readonly #heart: Heart;
  /** Names of answer stores of the servers before. */
  readonly #before: readonly string[];
  readonly #left: LeftBehind | undefined;
  readonly #cacheFile: CacheFile | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #ticks: number;
  #blocks: readonly Block[];
  #reloading: Promise<string | undefined> | undefined;
  #stopping: Promise<void> | undefined;
  /** At the end of this turn. */
  #publishing: boolean;
  #announced: boolean;

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#blocks = [];
    this.#reloading = undefined;
    this.#stopping = undefined;
    this.#publishing = false;
    this.#announced = false;
    const ffi = options.useFfi !== false && libc() !== undefined;
    const threads = ffi ? options.threads : 0;
    const metrics = Metrics.create({ threads: threads + 1, version: options.version });
    const store = AnswerStore.create({ bytes: options.cacheBytes, clock: this.#clock });
    this.#before = options.keeper === undefined ? [] : inheritAnswers(options.keeper, store, this.#clock, options.log);
    this.#cacheFile =
      options.cacheFile === undefined
        ? undefined
        : new CacheFile({ path: options.cacheFile, store, clock: this.#clock, log: options.log });
    // What the keeper holds is newer.
    if (store.size === 0) this.#cacheFile?.read();
    const onQuery = (
      endpoint: number,
      wire: Uint8Array,
      from: Uint8Array,
      control: Uint8Array | undefined,
      atMs: number,
    ): Promise<void> => this.#listeners.query(endpoint, wire, from, control, atMs);
    this.#heart = new Heart({
      beats: options.keeper?.beats,
      alarmFd: options.keeper?.alarmFd,
      threads,
      clock: this.#clock,
    });
    this.#front = ffi
      ? new FfiFront({
          threads,
          controls: this.#heart.controls,
          store,
          metrics,
          onQuery,
          outlived: options.keeper !== undefined,
          onCrash: (error) => {
            options.log.fatal(`fast path: ${describeError(error)}`);
            options.onFatal(`fast path: ${describeError(error)}`);
          },
        })
      : new DgramFront({ store: store.handle, metrics, clock: this.#clock, onQuery });
    if (!ffi) leaveThread();
    this.#left =
      options.keeper !== undefined && this.#front instanceof FfiFront
        ? new LeftBehind(options.keeper, this.#front, this.#clock)
        : undefined;
    const previousLives = options.keeper?.previous === "alive";
    const patientUntilMs = previousLives ? performance.now() + HTTP_ADDRESS_MS : 0;
    this.#pods =
      options.pods === undefined
        ? undefined
        : new PodDirectory({
            ...options.pods,
            onStale: (reason) => {
              if (reason === undefined) options.log.info("names of pods: up to date again");
              else options.log.warning(`names of pods: ${reason}`);
            },
          });
    this.#clients = new ClientWatch({
      clock: this.#clock,
      metrics,
      asks: this.#front.asks,
      counting: options.counting ?? "never",
      sizes: options.ledgerSizes ?? LEDGER_SIZES,
      whoIs: this.#pods,
    });
    this.#admin = new Admin({
      log: options.log,
      clock: this.#clock,
      metrics,
      store,
      clients: this.#clients,
      version: options.version,
      listens: () => this.addresses,
      inFlight: () => this.#dispatcher.inFlight,
      patientUntilMs,
    });
    this.#httpSockets = options.keeper === undefined ? undefined : new KeptHttpSockets(options.keeper);
    this.#http = new HttpServers({
      sockets: this.#httpSockets,
      onChange: () => this.#publishSoon(),
      onDefect: (error) => options.log.error(`admin HTTP: ${describeError(error)}`),
      patience: previousLives ? { untilMs: patientUntilMs, log: options.log } : undefined,
    });
    showStore(store, metrics);
    showKeeper(options.keeper?.beats, metrics);
    this.#tcp = new TcpService({ limits: options.tcpLimits, stats: tcpStats(metrics), clock: this.#clock });
    this.#dispatcher = new Dispatcher(
      this.#clock,
      metrics,
      options.maxInFlight,
      (error, block) => this.#defect(error, block),
      this.#clients,
    );
    this.#listeners = new Listeners({
      front: this.#front,
      tcp: this.#tcp,
      dispatcher: this.#dispatcher,
      metrics,
      clock: this.#clock,
      keeper: options.keeper,
    });
    this.#services = {
      log: options.log,
      clock: this.#clock,
      metrics,
      store,
      ports: this.#front.ports,
      http: this.#http,
      shared: new Shared(),
      upstreams: new OpenGroups(),
      compat: options.compat,
      version: options.version,
      whoIs: this.#pods,
      fatal: (message) => options.onFatal(message),
      requestReload: () => this.reload(),
      tellClusterDns: (endpoints) => options.onClusterDns?.(endpoints),
      askServer: (query) => this.#listeners.ask(query),
      enableDebug: (on) => options.log.enableDebug(on),
    };
    this.#ticks = 0;
    this.#scheduleTick();
  }

  /** @throws NodensError when the configuration cannot be used; nothing is left open then */
  static async start(options: ServerOptions): Promise<Server> {
    const corefile = options.load();
    const server = new Server({ ...options, threads: socketsOf(corefile) ?? options.threads });
    try {
      await server.#apply(corefile);
      if (options.admin !== undefined) await server.#admin.open(options.admin);
    } catch (error) {
      await server.#end();
      throw error;
    }
    server.#announce();
    server.#cacheFile?.begin();
    return server;
  }

  /** How packets get in and out. */
  get description(): string {
    return this.#front.description;
  }

  get metrics(): Metrics {
    return this.#services.metrics;
  }

  get http(): HttpServers {
    return this.#http;
  }

  /** Addresses that are served, with the ports that the kernel chose. */
  get addresses(): readonly ListeningAddress[] {
    return this.#listeners.addresses;
  }

  /** Where the admin API is; undefined when it is nowhere, or not yet. */
  get admin(): AdminAddress | undefined {
    return this.#admin.address;
  }

  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  /**
   * Reads the configuration again and uses it, or goes on with the old one. Never rejects.
   *
   * @returns why the old one stays; undefined when the new one is in use
   */
  async reload(): Promise<string | undefined> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  /**
   * No new queries, then an answer for those in flight, then the end. Never rejects.
   *
   * @param options `lameduck` false: somebody else serves here already, and the pause before all that is left out
   */
  async stop({ lameduck = true }: { readonly lameduck?: boolean } = {}): Promise<void> {
    this.#stopping ??= this.#shutDown(lameduck);
    await this.#stopping;
  }

  async #reload(): Promise<string | undefined> {
    const { log } = this.#options;
    log.info("Reloading");
    try {
      await this.#apply(this.#options.load());
      log.info("Reloading complete");
      return undefined;
    } catch (error) {
      this.#services.metrics.counter("coredns_reload_failed_total").with().add();
      return describeError(error);
    }
  }

  /** Uses `corefile` in place of the configuration before it, or changes nothing. */
  async #apply(corefile: Corefile): Promise<void> {
    const directives = corefile.blocks.flatMap((block) => block.directives.map(({ name }) => name.text));
    const options = {
      plugins: await loadPlugins(directives),
      corefile,
      services: this.#services,
      defaultPort: this.#options.defaultPort,
      rebind: this.#options.rebind,
      currentHash: () => Promise.resolve().then(() => this.#options.load().hash),
    };
    const blocks = corefile.blocks.map((block) => setUpBlock(block, options));
    const prepared = await this.#listeners.prepare(planListeners(blocks, this.#options.listen));
    const before = this.#blocks;
    const started: Block[] = [];
    const first = before.length === 0;
    const sockets = socketsOf(corefile);
    if (!first && sockets !== undefined && sockets !== this.#options.threads) {
      this.#options.log.warning(
        `plugin/multisocket: ${sockets} sockets take effect when the process is started again; until then it has ${this.#options.threads}`,
      );
    }
    try {
      // Before the listeners are used: what has come to a kept socket meanwhile is asked at once.
      for (const block of blocks) {
        started.push(block);
        for (const { instance } of block.plugins) await instance.start?.();
      }
    } catch (error) {
      await stopBlocks(started, "reload");
      await this.#listeners.abandon(prepared);
      throw error;
    }
    await this.#listeners.use(prepared);
    this.#blocks = blocks;
    if (!first) this.#publish();
    await stopBlocks(before, "reload");
  }

  /** Leaves the answers and sockets to the keeper, says that this server serves, and lets go of the one before. */
  #announce(): void {
    const { keeper } = this.#options;
    if (keeper === undefined) return;
    const { region } = this.#services.store.handle;
    if (region.kind === "memfd") keeper.keep(this.#storeName, {}, region.fd);
    this.#announced = true;
    this.#publish();
    this.#left?.begin();
    keeper.ready();
    setTimeout(() => this.#httpSockets?.letGoOfOthers(), HTTP_CLAIM_MS).unref();
    for (const name of this.#before) keeper.drop(name);
    this.#heart.begin();
  }

  /** What the keeper is to know of the configuration in use. */
  #publish(): void {
    this.#options.keeper?.publish([...this.#listeners.sockets, ...(this.#httpSockets?.items ?? [])], {
      store: this.#storeName,
      listeners: this.#listeners.standby,
      endpoints: this.#http.kept.flatMap(({ fd, replies }) => {
        const socket = this.#httpSockets?.nameOf(fd);
        return socket === undefined ? [] : [{ socket, replies }];
      }),
    });
  }

  /** Once for all that changes in this turn. What a server lets go of at its end its keeper holds on to. */
  #publishSoon(): void {
    if (!this.#announced || this.#stopping !== undefined || this.#publishing) return;
    this.#publishing = true;
    setImmediate(() => {
      this.#publishing = false;
      this.#publish();
    });
  }

  get #storeName(): string {
    return `${ANSWERS_PREFIX}${this.#options.keeper?.generation ?? 0}`;
  }

  async #shutDown(lameduck: boolean): Promise<void> {
    await this.#reloading;
    const instances = this.#blocks.flatMap(({ plugins }) => plugins.map(({ instance }) => instance));
    if (lameduck) await Promise.all(instances.map(async (instance) => instance.beforeShutdown?.()));
    await this.#front.serve([]);
    this.#left?.look();
    await Promise.all([this.#tcp.close(DRAIN_MS), this.#dispatcher.drained(DRAIN_MS), this.#cacheFile?.close()]);
    await this.#end();
  }

  async #end(): Promise<void> {
    clearTimeout(this.#ticker);
    this.#heart.stop();
    await this.#admin.close();
    this.#clients.stop();
    this.#pods?.stop();
    await this.#options.pods?.source.close();
    await stopBlocks(this.#blocks, "shutdown");
    await this.#tcp.close(0);
    this.#left?.close();
    await this.#front.end();
  }

  /** The store's tick follows the change of its second, so that re-stamped TTLs are right for a whole second. */
  #scheduleTick(): void {
    const { store, metrics } = this.#services;
    const dueMs = this.#clock.monotonicMs() + store.untilNextSecondMs();
    this.#ticker = setTimeout(() => {
      metrics
        .histogram("nodens_event_loop_delay_seconds")
        .with()
        .observe(Math.max(0, this.#clock.monotonicMs() - dueMs) / 1000);
      store.tick();
      this.#heart.beat();
      if (++this.#ticks % TICKS_A_TRIM === 0) trimMemoryAfterWork();
      if (this.#ticks % TICKS_A_RELEASE === TICKS_A_TRIM) releaseProgramPages();
      this.#scheduleTick();
    }, store.untilNextSecondMs());
    this.#ticker.unref();
  }

  #defect(error: unknown, block: Block): void {
    if (block.debug) throw error;
    this.#services.metrics.counter("coredns_panics_total").with().add();
    this.#options.log.error(
      `Recovered from a defect: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
}

async function stopBlocks(blocks: readonly Block[], reason: "reload" | "shutdown"): Promise<void> {
  for (const { plugins } of blocks) for (const { instance } of plugins) await instance.stop?.(reason);
}
