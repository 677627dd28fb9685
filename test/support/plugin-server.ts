/** A server in front of a scripted upstream, for one test of a plugin in a whole chain. */
import type { TestContext } from "node:test";
import { decodeMessage, type Message } from "../../src/dns/message.ts";
import { recordToText } from "../../src/dns/records/record-text.ts";
import type { ResourceRecord } from "../../src/dns/records/record.ts";
import { askUdp, queryFor } from "./dns-client.ts";
import { type RunningServer, type RunOptions, runServer } from "./running-server.ts";
import { type Script, type ScriptedUpstream, startUpstream } from "./scripted-upstream.ts";

export interface PluginServer {
  readonly running: RunningServer;
  readonly upstream: ScriptedUpstream;
  /** Sends a message over UDP. */
  send(wire: Uint8Array): Promise<Message>;
  ask(name: string, type: number, options?: Parameters<typeof queryFor>[2]): Promise<Message>;
}

/**
 * Both end with the test.
 *
 * @param corefile PORT in it stands for the upstream's port on 127.0.0.1
 */
export async function pluginServer(
  t: TestContext,
  script: Script,
  corefile: string,
  options: RunOptions = {},
): Promise<PluginServer> {
  const upstream = await startUpstream({ script });
  t.after(() => upstream.close());
  const running = await runServer(corefile.replaceAll("PORT", String(upstream.port)), options);
  t.after(() => running.stop());
  const send = async (wire: Uint8Array): Promise<Message> => decodeMessage(await askUdp({ port: running.port, wire }));
  return { running, upstream, send, ask: (name, type, query = {}) => send(queryFor(name, type, query)) };
}

/** Records as lines with single spaces. */
export function linesOf(records: readonly ResourceRecord[]): string[] {
  return records.map((record) => recordToText(record).replaceAll(/\s+/g, " "));
}
