/** The `prometheus` directive: shows the metrics of its server block, and all others, on an HTTP endpoint. */
import { ConfigError } from "../../../base/errors.ts";
import { listenArgument } from "../../chain/listen-argument.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import { pluginOrder } from "../../chain/plugin-order.ts";
import { expectArgs, once, properties, unknownProperty } from "../../corefile/arguments.ts";
import type { HttpLease } from "../../web/http-servers.ts";

const DEFAULT_ADDRESS = "localhost:9153";
const PATH = "/metrics";

interface Settings {
  readonly address: string;
  readonly runtimeMetrics: boolean;
}

export const prometheus: Plugin = {
  directive: "prometheus",
  setup: (directives, context) => new Prometheus(context, readSettings(once(directives))),
};

function readSettings(directive: Directive): Settings {
  const address = listenArgument(directive, DEFAULT_ADDRESS);
  let runtimeMetrics = false;
  for (const property of properties(directive)) {
    if (property.name.text === "tls") {
      throw new ConfigError(property.name.position, "metrics over TLS are not served by this version");
    }
    if (property.name.text !== "runtime_metrics") unknownProperty(property);
    expectArgs(property, 0);
    runtimeMetrics = true;
  }
  return { address, runtimeMetrics };
}

class Prometheus implements PluginInstance {
  readonly #context: SetupContext;
  readonly #settings: Settings;
  /** Gives up what this block shows. */
  readonly #shown: (() => void)[];
  #lease: HttpLease | undefined;

  constructor(context: SetupContext, settings: Settings) {
    this.#context = context;
    this.#settings = settings;
    this.#shown = [];
    this.#lease = undefined;
  }

  async start(): Promise<void> {
    const { http, metrics } = this.#context;
    this.#lease = await http.acquire(this.#settings.address, PATH, async () => ({
      status: 200,
      ...(await metrics.expose()),
    }));
    if (this.#settings.runtimeMetrics) metrics.enableRuntimeMetrics();
    this.#show();
  }

  async stop(): Promise<void> {
    for (const hide of this.#shown.splice(0)) hide();
    await this.#lease?.release();
  }

  #show(): void {
    const { metrics, zones, view } = this.#context;
    const enabled = metrics.info("coredns_plugin_enabled");
    const names = this.#answeringPlugins();
    for (const { label } of this.#context.servers()) {
      for (const zone of zones) {
        this.#shown.push(metrics.show(label, zone, view));
        for (const name of names) this.#shown.push(enabled.hold(label, zone, view, name));
      }
    }
  }

  /** As in CoreDNS, plugins that only set something up (`bind`, `health`, `reload`, …) are not among them. */
  #answeringPlugins(): string[] {
    return pluginOrder(this.#context.compat).filter(
      (name) => name === "prometheus" || this.#context.sibling(name)?.handler !== undefined,
    );
  }
}
