/**
 * Cache flushing ("CacheFlush", 2024: large answers; water torture: random names): answers that nobody asks for again
 * push out those that all ask for. The defence: bounds in entries and bytes, denials apart from answers, and names that
 * are asked for once push out only each other.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { queryFor } from "../support/dns-client.ts";
import { type PluginServer, pluginServer } from "../support/plugin-server.ts";
import { respond, type Script, soa, type UpstreamQuery } from "../support/scripted-upstream.ts";
import { UdpSwarm } from "../support/udp-swarm.ts";

/** 1024 entries of each kind: the least that can be configured. */
const COREFILE = ". {\n cache {\n success 1024\n denial 1024\n }\n forward . 127.0.0.1:PORT\n}";
const HOT = 100;
const FLOOD = 4000;

const isHot = ({ name }: UpstreamQuery): boolean => name.startsWith("hot");

function hotAnswer(query: UpstreamQuery): Uint8Array {
  return respond(query, { answers: [{ type: 1, ttl: 3600, rdata: Uint8Array.of(192, 0, 2, 1) }] });
}

/** Asks for all hot names. @returns how many of them were not held */
async function askHot({ running, upstream }: PluginServer): Promise<number> {
  const before = upstream.queries.filter(isHot).length;
  const swarm = await UdpSwarm.open(running.port, 10);
  for (let i = 0; i < HOT; i++) await swarm.send(i, queryFor(`hot${i}.example.`, 1));
  assert.ok(await swarm.untilReplies(HOT), "hot names are answered");
  swarm.close();
  return upstream.queries.filter(isHot).length - before;
}

async function flood({ running }: PluginServer, type: number): Promise<void> {
  const swarm = await UdpSwarm.open(running.port, 50);
  for (let i = 0; i < FLOOD; i++) {
    await swarm.send(i, queryFor(`${randomBytes(12).toString("hex")}.example.`, type));
    // Hot names are asked for all the while.
    if (i % 40 === 0) await swarm.send(i, queryFor(`hot${(i / 40) % HOT}.example.`, 1));
  }
  await swarm.untilReplies(FLOOD, 8000);
  await swarm.untilQuiet(50);
  swarm.close();
}

const floods: readonly (readonly [what: string, type: number, script: Script, bytes: number])[] = [
  ["random names that exist", 1, (query) => ({ reply: hotAnswer(query) }), 8 << 20],
  [
    "random names that do not exist",
    1,
    (query) => ({ reply: respond(query, { rcode: 3, authority: [soa(3600, 3600)] }) }),
    8 << 20,
  ],
  [
    "large answers where memory is scarce",
    16,
    (query) => {
      // Four strings of 255 bytes.
      const rdata = new Uint8Array(1024);
      for (let at = 0; at < rdata.length; at += 256) rdata[at] = 255;
      return { reply: respond(query, { answers: [{ type: 16, ttl: 3600, rdata }] }) };
    },
    1 << 20,
  ],
];

describe("a flood of answers that nobody asks for again", () => {
  for (const [what, type, script, cacheBytes] of floods) {
    it(`leaves hot names where they are: ${what}`, async (t) => {
      const both: Script = (query) => (isHot(query) ? { reply: hotAnswer(query) } : script(query));
      const server = await pluginServer(t, both, COREFILE, { server: { cacheBytes } });
      assert.equal(await askHot(server), HOT);
      for (let i = 0; i < 3; i++) await askHot(server);
      const before = server.upstream.queries.filter(isHot).length;
      await flood(server, type);
      const missed = await askHot(server);
      assert.ok(missed <= HOT / 100, `${missed} of ${HOT} hot names were pushed out`);
      const asked = server.upstream.queries.filter(isHot).length - before;
      assert.ok(asked <= HOT / 20, `hot names were asked for ${asked} times meanwhile`);
    });
  }
});
