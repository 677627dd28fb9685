/**
 * The configuration of a node-cache: the template and the `kube-dns` ConfigMap made into a Corefile, again whenever one of them
 * changes. A new Corefile takes the place of the one in use when the server takes it; until then, and else, nothing changes.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describeError } from "../../base/errors.ts";
import { FolderWatch } from "../../base/folder-watch.ts";
import type { Log } from "../../base/log.ts";
import { loadCorefile } from "../../server/corefile/load.ts";
import { parseCorefile, type ParseOptions } from "../../server/corefile/parse.ts";
import type { Corefile } from "../../server/corefile/tree.ts";
import { readFolder } from "./config-folder.ts";
import { fillTemplate, type FilledTemplate, serviceVariable } from "./corefile-template.ts";
import type { NodeCacheSettings } from "./flags.ts";
import { type KubeDnsConfig, kubeDnsConfigOf, NO_KUBE_DNS_CONFIG } from "./kube-dns-config.ts";
import { writeCorefile } from "./write-corefile.ts";

const DEFAULT_KUBE_DNS_FOLDER = "/etc/kube-dns";
const STDIN = "stdin";
/** What CoreDNS runs when its Corefile is empty. */
const DEFAULT_COREFILE = (port: number): string => `.:${port} {\n    whoami\n    log\n}\n`;
/** A reload that was under way already may have read before us. */
const RELOADS_MAX = 5;

/** Of `Server`. */
export interface Reloadable {
  /** @returns why the configuration before stays; undefined: what `load` gives is in use */
  reload(): Promise<string | undefined>;
}

export interface NodeConfigurationParts {
  readonly settings: NodeCacheSettings;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly sources: ParseOptions;
  readonly log: Log;
  /** Writes text of several lines to where the log goes. */
  readonly print: (text: string) => void;
}

/** What was made of the two sources. */
interface Generated extends FilledTemplate {
  readonly config: KubeDnsConfig;
}

export class NodeConfiguration {
  readonly #parts: NodeConfigurationParts;
  readonly #clusterDns: string | undefined;
  readonly #kubeDnsFolder: string | undefined;
  #errors: number;
  /** Text to be tried; undefined: none. */
  #candidate: string | undefined;
  /** How often it was read. */
  #candidateReads: number;
  /** In use, where the file cannot say so. */
  #inMemory: string | undefined;
  /** In use, as far as it came from here. */
  #inUse: string | undefined;
  /** Was refused last: it is not tried again. */
  #refusedText: string | undefined;
  /** Why there is nothing to try, as it was told last. */
  #fault: string | undefined;
  #stdin: Corefile | undefined;
  #watch: FolderWatch | undefined;
  #updating: Promise<void> | undefined;
  #saidMemory: boolean;

  constructor(parts: NodeConfigurationParts) {
    const { settings, environment, log } = parts;
    this.#parts = parts;
    const variable = serviceVariable(settings.upstreamsvc);
    const clusterDns = environment[variable];
    this.#clusterDns = clusterDns === "" ? undefined : clusterDns;
    if (this.#clusterDns === undefined) {
      log.warning(
        `Unable to lookup IP address of Upstream service ${settings.upstreamsvc}, env $${variable} \`${clusterDns ?? ""}\``,
      );
    }
    const given = settings.kubednscm === "" ? undefined : settings.kubednscm;
    this.#kubeDnsFolder = given ?? (existsSync(DEFAULT_KUBE_DNS_FOLDER) ? DEFAULT_KUBE_DNS_FOLDER : undefined);
    if (this.#kubeDnsFolder === undefined) log.info("Skipping kube-dns configmap sync as no directory was specified");
    this.#errors = 0;
    this.#candidate = undefined;
    this.#candidateReads = 0;
    this.#inMemory = undefined;
    this.#inUse = undefined;
    this.#refusedText = undefined;
    this.#fault = undefined;
    this.#stdin = undefined;
    this.#watch = undefined;
    this.#updating = undefined;
    this.#saidMemory = false;
  }

  /** Configurations that could not be used so far: `coredns_nodecache_setup_errors_total{errortype="configmap"}`. */
  get errors(): number {
    return this.#errors;
  }

  /**
   * Starts a server with the best configuration that it takes: template and ConfigMap, else the template alone, else what is
   * in the file.
   *
   * @param start with `load` as its source; rejects when it cannot start with that
   * @param again there was a server before: what it had in use comes first, and what it may have refused is tried later
   */
  async begin<S extends Reloadable>(start: () => Promise<S>, again: boolean): Promise<S> {
    const { corefilePath, basecorefile } = this.#parts.settings;
    if (corefilePath === STDIN) return await start();
    const server = await this.#start(start, again ? textOf(corefilePath) : undefined);
    const folders = [dirname(basecorefile), this.#kubeDnsFolder].filter((each) => each !== undefined);
    this.#watch = new FolderWatch(folders, () => void this.update(server));
    void this.update(server);
    return server;
  }

  /** For the server. @throws CorefileReadError, ConfigError */
  readonly load = (): Corefile => {
    const { settings, sources } = this.#parts;
    const path = settings.corefilePath;
    if (path === STDIN) return (this.#stdin ??= this.#orDefault(loadCorefile(STDIN, sources)));
    if (this.#candidate !== undefined) this.#candidateReads++;
    const text = this.#candidate ?? this.#inMemory;
    return this.#orDefault(text === undefined ? loadCorefile(path, sources) : parseCorefile(text, path, sources));
  };

  /** Has the server use what is there now, if that is something else. Never rejects. */
  update(server: Reloadable): Promise<void> {
    this.#updating ??= this.#update(server).finally(() => (this.#updating = undefined));
    return this.#updating;
  }

  close(): void {
    this.#watch?.close();
  }

  /** @param before what is in the file, when that was in use and comes first */
  async #start<S>(start: () => Promise<S>, before: string | undefined): Promise<S> {
    if (before !== undefined) {
      try {
        const server = await start();
        this.#inUse = before;
        return server;
      } catch (error) {
        this.#refused(`the Corefile that was in use is not used: ${describeError(error)}`);
      }
    }
    const candidates = this.#candidates();
    let first: unknown;
    for (const candidate of candidates) {
      this.#announce(candidate);
      this.#candidate = candidate.text;
      try {
        const server = await start();
        this.#accept(candidate.text);
        return server;
      } catch (error) {
        this.#candidate = undefined;
        first ??= error;
        if (candidate === candidates.at(-1)) throw first;
        this.#refusedText = candidate.text;
        this.#refused(`the kube-dns configmap is not used: ${describeError(error)}`);
      }
    }
    return await start();
  }

  /** Best first. */
  #candidates(): Generated[] {
    const whole = this.#generated();
    if (whole === undefined) return [];
    const bare = whole.config.stubDomains.size + whole.config.upstreamNameservers.length === 0;
    const alone = bare ? undefined : this.#filled(NO_KUBE_DNS_CONFIG);
    return alone === undefined ? [whole] : [whole, alone];
  }

  /** @returns undefined when there is no template, or, once there is a configuration, when the ConfigMap is wrong */
  #generated(): Generated | undefined {
    const config = this.#kubeDnsConfig();
    if (config !== undefined) return this.#filled(config);
    return this.#inUse === undefined ? this.#filled(NO_KUBE_DNS_CONFIG) : undefined;
  }

  #kubeDnsConfig(): KubeDnsConfig | undefined {
    const folder = this.#kubeDnsFolder;
    if (folder === undefined) return NO_KUBE_DNS_CONFIG;
    try {
      return kubeDnsConfigOf(readFolder(folder) ?? new Map());
    } catch (error) {
      this.#refusedOnce(`Failed to sync kube-dns config directory ${folder}, err: ${describeError(error)}`);
      return undefined;
    }
  }

  #filled(config: KubeDnsConfig): Generated | undefined {
    const { settings } = this.#parts;
    let template: string;
    try {
      template = readFileSync(settings.basecorefile, "utf8");
    } catch (error) {
      const reason = error instanceof Error ? (error.message.split(", ", 1)[0] ?? "") : String(error);
      this.#refusedOnce(`Failed to read node-cache coreFile ${settings.basecorefile} - ${reason}`);
      return undefined;
    }
    const values = {
      localIps: settings.localip.split(","),
      port: settings.port,
      clusterDns: this.#clusterDns,
      prometheusAddress: settings["prometheus-listen-address"],
    };
    return { ...fillTemplate(template, values, config), config };
  }

  async #update(server: Reloadable): Promise<void> {
    const generated = this.#generated();
    if (generated === undefined) return;
    this.#fault = undefined;
    if (generated.text === this.#inUse || generated.text === this.#refusedText) return;
    this.#announce(generated);
    this.#candidate = generated.text;
    this.#candidateReads = 0;
    let refusal: string | undefined;
    for (let i = 0; i < RELOADS_MAX && this.#candidateReads === 0; i++) refusal = await server.reload();
    this.#candidate = undefined;
    if (this.#candidateReads === 0) return;
    if (refusal === undefined) {
      this.#refusedText = undefined;
      this.#accept(generated.text);
    } else {
      this.#refusedText = generated.text;
      this.#refused(`the configuration in use stays: ${refusal}`);
    }
  }

  #accept(text: string): void {
    const { settings, log } = this.#parts;
    this.#candidate = undefined;
    this.#inUse = text;
    const reason = writeCorefile(settings.corefilePath, text);
    this.#inMemory = reason === undefined ? undefined : text;
    if (reason !== undefined && !this.#saidMemory) {
      this.#saidMemory = true;
      log.warning(`cannot write ${settings.corefilePath} (${reason}): the Corefile in use is kept in memory`);
    }
  }

  #announce({ config, upstreams, noTcpBlock, text }: Generated): void {
    const { log, print } = this.#parts;
    if (noTcpBlock) log.warning("Did not find TCP upstream block to replace, assuming upstreams already use UDP.");
    log.info(`Updated Corefile with ${config.stubDomains.size} custom stubdomains and upstream servers ${upstreams}`);
    log.info("Using config file:");
    print(text.endsWith("\n") ? text : `${text}\n`);
  }

  /** The same fault is told once, however often it is looked at. */
  #refusedOnce(message: string): void {
    if (this.#fault === message) return;
    this.#fault = message;
    this.#refused(message);
  }

  #refused(message: string): void {
    this.#errors++;
    this.#parts.log.error(message);
  }

  #orDefault(corefile: Corefile): Corefile {
    if (corefile.blocks.length > 0) return corefile;
    return parseCorefile(DEFAULT_COREFILE(this.#parts.settings.port), "<default>", this.#parts.sources);
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
