/** The `health` directive: an HTTP endpoint that answers while the process lives, and a pause before shutdown. */
import { listenArgument } from "../../chain/listen-argument.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import { expectArg, once, parseDuration, properties, unknownProperty } from "../../corefile/arguments.ts";
import { formatDuration } from "../../corefile/duration.ts";
import type { Log } from "../../../base/log.ts";
import { textReply } from "../../web/http-listener.ts";
import type { HttpLease } from "../../web/http-servers.ts";
import { SelfProbe } from "./self-probe.ts";

const DEFAULT_ADDRESS = ":8080";
const PATH = "/health";

interface Settings {
  readonly address: string;
  /** 0: none. */
  readonly lameduckMs: number;
}

export const health: Plugin = {
  directive: "health",
  setup: (directives, context) => new Health(context, readSettings(once(directives))),
};

function readSettings(directive: Directive): Settings {
  const address = listenArgument(directive, DEFAULT_ADDRESS);
  let lameduckMs = 0;
  for (const property of properties(directive)) {
    if (property.name.text !== "lameduck") unknownProperty(property);
    lameduckMs = parseDuration(expectArg(property));
  }
  return { address, lameduckMs };
}

class Health implements PluginInstance {
  readonly #context: SetupContext;
  readonly #log: Log;
  readonly #settings: Settings;
  #lease: HttpLease | undefined;
  #probe: SelfProbe | undefined;

  constructor(context: SetupContext, settings: Settings) {
    this.#context = context;
    this.#log = context.log.plugin("health");
    this.#settings = settings;
    this.#lease = undefined;
    this.#probe = undefined;
  }

  async start(): Promise<void> {
    const { http, metrics, clock } = this.#context;
    const { address } = this.#settings;
    // Without a server the process lives too, and answers what it can: to end it would end that.
    const meanwhile = { status: 200, body: "OK" };
    this.#lease = await http.acquire(address, PATH, () => textReply(200, "OK"), { meanwhile });
    this.#probe = new SelfProbe({
      host: this.#lease.address,
      port: this.#lease.port,
      path: PATH,
      url: `http://${address}${PATH}`,
      metrics,
      clock,
      log: this.#log,
    });
    this.#probe.start();
  }

  async beforeShutdown(): Promise<void> {
    const { lameduckMs } = this.#settings;
    if (lameduckMs <= 0) return;
    this.#log.info(`Going into lameduck mode for ${formatDuration(lameduckMs)}`);
    await new Promise((resolve) => setTimeout(resolve, lameduckMs));
  }

  async stop(): Promise<void> {
    this.#probe?.stop();
    await this.#lease?.release();
  }
}
