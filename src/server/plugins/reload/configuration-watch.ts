/**
 * Compares the configuration on disk with the one that runs, by hash, at an interval.
 *
 * There is one watch in the process however many blocks name `reload`: the newest. The others stand by, because a
 * reload that fails ends the newest ones again.
 */
import { describeError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import type { PluginInstance, SetupContext } from "../../chain/plugin.ts";

const HASH = "sha512";

/** Started watches, the active one last; by the metrics object, of which a process has one. */
const watches = new WeakMap<object, ConfigurationWatch[]>();

export class ConfigurationWatch implements PluginInstance {
  readonly #context: SetupContext;
  readonly #log: Log;
  readonly #intervalMs: number;
  /** What was last tried: a configuration that failed is not tried again until it changes. */
  #seenHash: string;
  #timer: NodeJS.Timeout | undefined;
  #active: boolean;
  #releaseInfo: (() => void) | undefined;

  constructor(context: SetupContext, intervalMs: number) {
    this.#context = context;
    this.#log = context.log.plugin("reload");
    this.#intervalMs = intervalMs;
    this.#seenHash = context.configurationHash;
    this.#timer = undefined;
    this.#active = false;
    this.#releaseInfo = undefined;
  }

  start(): Promise<void> {
    const { configurationHash, metrics } = this.#context;
    const all = watches.get(metrics) ?? [];
    watches.set(metrics, all);
    if (!all.some((watch) => watch.#context.configurationHash === configurationHash)) {
      this.#log.info(`Running configuration SHA512 = ${configurationHash}`);
    }
    this.#releaseInfo = metrics.info("coredns_reload_version_info").hold(HASH, configurationHash);
    for (const watch of all) watch.#standBy();
    all.push(this);
    this.#goOn();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#releaseInfo?.();
    this.#standBy();
    const all = watches.get(this.#context.metrics) ?? [];
    const at = all.indexOf(this);
    if (at >= 0) all.splice(at, 1);
    const newest = all.at(-1);
    if (at >= 0 && newest !== undefined && !newest.#active) newest.#goOn();
    return Promise.resolve();
  }

  /** Looks once. Never rejects. */
  async check(): Promise<void> {
    let hash: string;
    try {
      hash = await this.#context.currentHash();
    } catch (error) {
      this.#log.warning(`Corefile parse failed: ${describeError(error)}`);
      return;
    }
    if (!this.#active || hash === this.#seenHash) return;
    this.#seenHash = hash;
    const refused = await this.#context.requestReload();
    if (refused !== undefined) this.#log.error(`Corefile changed but reload failed: ${refused}`);
  }

  #goOn(): void {
    this.#active = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tick(), this.#intervalMs);
    this.#timer.unref();
  }

  #standBy(): void {
    this.#active = false;
    clearTimeout(this.#timer);
  }

  async #tick(): Promise<void> {
    await this.check();
    if (this.#active) this.#goOn();
  }
}
