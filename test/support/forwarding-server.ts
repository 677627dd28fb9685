/**
 * A server that caches and forwards to a scripted upstream, for tests of what goes over the wire.
 *
 * Its first label tells the upstream what to do with a name, so that one server serves many tests.
 */
import { decodeMessage, type Message } from "../../src/dns/message.ts";
import { askTcp, askUdp, queryFor } from "./dns-client.ts";
import { type RunningServer, type RunOptions, runServer } from "./running-server.ts";
import { answerA, type Script, type ScriptedUpstream, startUpstream, type UpstreamQuery } from "./scripted-upstream.ts";
import { ShiftedClock } from "./shifted-clock.ts";

/** What the upstream does, by a name's first label; others are answered with `192.0.2.1` for a minute. */
export type Scripts = Readonly<Record<string, Script>>;

type QueryOptions = Parameters<typeof queryFor>[2];

export interface ForwardingServer {
  readonly running: RunningServer;
  readonly port: number;
  readonly upstream: ScriptedUpstream;
  /**
   * Time of the server's main thread, where TCP is served. Over UDP cached answers come from threads that have the
   * machine's time.
   */
  readonly clock: ShiftedClock;
  udp(name: string, type: number, options?: QueryOptions): Promise<Message>;
  tcp(name: string, type: number, options?: QueryOptions): Promise<Message>;
  /** Sends a message over UDP as it is. @returns the reply as it came */
  raw(wire: Uint8Array): Promise<Uint8Array>;
  /** What came upstream for a name, in any spelling. */
  asked(name: string): UpstreamQuery[];
  stop(): Promise<void>;
}

export const FORWARD_ALL = ". {\n cache\n forward . 127.0.0.1:PORT\n}\n";

/** @param corefile PORT in it stands for the upstream's port on 127.0.0.1 */
export async function forwardingServer(
  scripts: Scripts,
  corefile: string = FORWARD_ALL,
  options: RunOptions = {},
): Promise<ForwardingServer> {
  const otherwise = answerA("192.0.2.1", 60);
  const upstream = await startUpstream({
    script: (query) => (scripts[query.name.split(".", 1)[0]?.toLowerCase() ?? ""] ?? otherwise)(query),
  });
  const clock = new ShiftedClock();
  let running: RunningServer;
  try {
    running = await runServer(corefile.replaceAll("PORT", String(upstream.port)), {
      ...options,
      server: { clock, ...options.server },
    });
  } catch (error) {
    await upstream.close();
    throw error;
  }
  const { port } = running;
  return {
    running,
    port,
    upstream,
    clock,
    udp: async (name, type, query = {}) => decodeMessage(await askUdp({ port, wire: queryFor(name, type, query) })),
    tcp: async (name, type, query = {}) => decodeMessage(await askTcp({ port, wire: queryFor(name, type, query) })),
    raw: (wire) => askUdp({ port, wire }),
    asked: (name) => upstream.queries.filter((query) => query.name.toLowerCase() === name.toLowerCase()),
    stop: async () => {
      await running.stop();
      await upstream.close();
    },
  };
}
