/**
 * The `forward` plugin: questions that nobody here can answer are put to upstream resolvers.
 *
 * Several directives of one server block are tried in the order of the file; the first whose FROM holds the name, and
 * whose `except` does not, takes it.
 */
import type { SocketAddress } from "../../../base/address.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Plugin, PluginInstance } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { FLIGHT_TIMING, type GroupConfig, openGroup, type UpstreamTarget } from "../../upstream/open-group.ts";
import { type ForwardSettings, parseForward } from "./forward-settings.ts";
import { ForwardStanza } from "./forward-stanza.ts";
import { resolveTargets } from "./resolve-targets.ts";
import type { ToEntry } from "./to-address.ts";

export const forward: Plugin = {
  directive: "forward",
  repeatable: true,
  setup(directives, context): PluginInstance {
    const log = context.log.plugin("forward");
    const rejects = context.metrics.counter("coredns_forward_max_concurrent_rejects_total").with();
    const stanzas = directives.map(
      (directive) =>
        new ForwardStanza(
          parseForward(directive, context.root, (text) => log.warning(text)),
          rejects,
        ),
    );
    let plain: readonly SocketAddress[] = [];
    return {
      origin: JSON.stringify(stanzas.map(({ settings }) => settings.to.map(originOf))),
      handler: (next) => new Forward(stanzas, next),
      plainUpstreams: () => plain,
      async start() {
        // All names first: when one has no address, nothing has been opened.
        const groups = await Promise.all(
          stanzas.map(async ({ settings }) => {
            const targets = await resolveTargets(settings.to, settings.resolvers);
            return groupConfig(settings, targets, context.compat === "1.12");
          }),
        );
        for (const [i, stanza] of stanzas.entries()) {
          const config = groups[i];
          if (config !== undefined) stanza.use(openGroup(config, context));
        }
        const [only] = stanzas;
        const [config] = groups;
        if (only !== undefined && config !== undefined && stanzas.length === 1 && takesAll(only.settings)) {
          plain = config.targets.some(({ scheme }) => scheme !== "dns") ? [] : config.targets;
        }
      },
      async stop() {
        await Promise.all(stanzas.map((stanza) => stanza.stop()));
      },
    };
  },
};

class Forward implements Handler {
  readonly #stanzas: readonly ForwardStanza[];
  readonly #next: Handler;

  constructor(stanzas: readonly ForwardStanza[], next: Handler) {
    this.#stanzas = stanzas;
    this.#next = next;
  }

  serve(query: Query): Promise<Answer> {
    return this.#serveFrom(0, query);
  }

  #serveFrom(first: number, query: Query): Promise<Answer> {
    const stanzas = this.#stanzas;
    for (let i = first; i < stanzas.length; i++) {
      const stanza = stanzas[i];
      if (stanza === undefined || !stanza.matches(query)) continue;
      const { nextRcodes, nextOnNodata } = stanza.settings;
      // `next` leads to another `forward` only; the last one ignores it.
      const mayPassOn = i + 1 < stanzas.length && (nextOnNodata || nextRcodes.size > 0);
      return mayPassOn ? this.#askOrPassOn(stanza, i, query) : stanza.ask(query);
    }
    return this.#next.serve(query);
  }

  async #askOrPassOn(stanza: ForwardStanza, index: number, query: Query): Promise<Answer> {
    const answer = await stanza.ask(query);
    return stanza.passesOn(answer) ? this.#serveFrom(index + 1, query) : answer;
  }
}

/** Whether every question goes to the upstreams, from any address, and every answer of theirs is given. */
function takesAll({ from, except, failoverRcodes, sourceAddress }: ForwardSettings): boolean {
  return from.length === 1 && except.length === 0 && failoverRcodes.size === 0 && sourceAddress === undefined;
}

/** Addresses, also those out of a file. A host is looked up later, and known by its name. */
function originOf(entry: ToEntry): unknown {
  return entry.kind === "addresses" ? entry.targets : entry.hostname;
}

function groupConfig(
  settings: ForwardSettings,
  targets: readonly UpstreamTarget[],
  relaysAsSent: boolean,
): GroupConfig {
  return {
    targets,
    policy: settings.policy,
    limits: { expireMs: settings.expireMs, maxAgeMs: settings.maxAgeMs, maxIdle: settings.maxIdleConns },
    sourceAddress: settings.sourceAddress,
    tls: { ...settings.tls, serverName: settings.tlsServerName },
    dohMethod: settings.dohMethod,
    probe: {
      intervalMs: settings.probeIntervalMs,
      recursionDesired: settings.probeRecursion,
      domain: settings.probeDomain,
    },
    timing: { ...FLIGHT_TIMING, readTimeoutMs: settings.readTimeoutMs },
    forceTcp: settings.forceTcp,
    preferUdp: settings.preferUdp,
    maxFails: settings.maxFails,
    maxConnectAttempts: settings.maxConnectAttempts ?? 2 * targets.length,
    failfast: settings.failfast,
    failoverRcodes: settings.failoverRcodes,
    relaysAsSent,
  };
}
