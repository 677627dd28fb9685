/** The `ready` directive: an HTTP endpoint that answers 200 when every plugin that can tell is ready. */
import { ConfigError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { listenArgument } from "../../chain/listen-argument.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import { pluginOrder } from "../../chain/plugin-order.ts";
import { expectArg, once, properties, unknownProperty } from "../../corefile/arguments.ts";
import { textReply, type HttpReply } from "../../web/http-listener.ts";
import type { HttpLease } from "../../web/http-servers.ts";
import { readinessOf, type Readiness, type Watched } from "./readiness.ts";

const DEFAULT_ADDRESS = ":8181";
const PATH = "/ready";

interface Settings {
  readonly address: string;
  readonly continuously: boolean;
}

export const ready: Plugin = {
  directive: "ready",
  setup: (directives, context) => new Ready(context, readSettings(once(directives))),
};

function readSettings(directive: Directive): Settings {
  const address = listenArgument(directive, DEFAULT_ADDRESS);
  let continuously = false;
  for (const property of properties(directive)) {
    if (property.name.text !== "monitor") unknownProperty(property);
    const mode = expectArg(property);
    if (mode.text !== "until-ready" && mode.text !== "continuously") {
      throw new ConfigError(mode.position, `monitor type '${mode.text}' not supported`);
    }
    continuously = mode.text === "continuously";
  }
  return { address, continuously };
}

class Ready implements PluginInstance {
  readonly #context: SetupContext;
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #readiness: Readiness;
  #watched: Watched | undefined;
  #lease: HttpLease | undefined;

  constructor(context: SetupContext, settings: Settings) {
    this.#context = context;
    this.#settings = settings;
    this.#log = context.log.plugin("ready");
    this.#readiness = readinessOf(context.http);
    this.#watched = undefined;
    this.#lease = undefined;
  }

  async start(): Promise<void> {
    const signalling = pluginOrder(this.#context.compat).flatMap((name) => {
      const instance = this.#context.sibling(name);
      return instance?.isReady === undefined ? [] : [{ name, isReady: () => instance.isReady?.() !== false }];
    });
    this.#watched = this.#readiness.watch(signalling, this.#settings.continuously);
    const meanwhile = { status: 503, body: "No server" };
    this.#lease = await this.#context.http.acquire(this.#settings.address, PATH, () => this.#reply(), { meanwhile });
  }

  beforeShutdown(): Promise<void> {
    this.#readiness.shutDown();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#watched?.end();
    await this.#lease?.release();
  }

  #reply(): HttpReply {
    if (this.#readiness.isShuttingDown) return textReply(503, "Shutting down");
    const waiting = this.#readiness.notReady().join(",");
    if (waiting === "") return textReply(200, "OK");
    this.#log.info(`Plugins not ready: "${waiting}"`);
    return textReply(503, waiting);
  }
}
