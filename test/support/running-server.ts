/** A server in this process, on a free port of 127.0.0.1, with the configuration as text. */
import { LineLog } from "../../src/base/log.ts";
import { directiveStatus } from "../../src/server/chain/plugin-order.ts";
import type { CorednsCompat } from "../../src/server/chain/plugin.ts";
import { systemSources } from "../../src/server/corefile/load.ts";
import { parseCorefile } from "../../src/server/corefile/parse.ts";
import { builtDirectives } from "../../src/server/daemon/plugin-table.ts";
import { Server, type ServerOptions } from "../../src/server/daemon/server.ts";

export interface RunningServer {
  readonly server: Server;
  readonly port: number;
  /** Lines logged so far. */
  readonly lines: readonly string[];
  /** What the server gave as a reason to end. */
  readonly fatals: readonly string[];
  /** Changes the text that the next reload reads. */
  configure(corefile: string): void;
  stop(): Promise<void>;
}

export interface RunOptions {
  readonly compat?: CorednsCompat;
  readonly server?: Partial<ServerOptions>;
}

export async function runServer(corefile: string, options: RunOptions = {}): Promise<RunningServer> {
  const lines: string[] = [];
  const fatals: string[] = [];
  let text = corefile;
  const log = new LineLog((line) => lines.push(line.trimEnd()));
  const sources = systemSources((message) => log.warning(message), directiveStatus(builtDirectives));
  const server = await Server.start({
    log,
    load: () => parseCorefile(text, "Corefile", sources),
    defaultPort: 53,
    listen: [{ address: "127.0.0.1", port: 0 }],
    threads: 1,
    cacheBytes: 8 * 1024 * 1024,
    compat: options.compat ?? "1.14",
    tcpLimits: {},
    maxInFlight: 16_384,
    version: "test",
    onFatal: (message) => fatals.push(message),
    ...options.server,
  });
  return {
    server,
    port: server.addresses[0]?.port ?? 0,
    lines,
    fatals,
    configure: (next) => {
      text = next;
    },
    stop: () => server.stop(),
  };
}
