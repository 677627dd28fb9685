/**
 * Retry amplification (NXNSAttack 2020, NRDelegationAttack 2022, CAMP 2024, tsuNAME 2021): one query of a client becomes
 * many toward servers. The defence: a budget for each question (RFC 9520 §3.1: three tries at a server over a transport),
 * no queries of our own for what answers mention, and failures that are remembered (§3.2).
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { pluginServer } from "../support/plugin-server.ts";
import {
  refused,
  respond,
  type Script,
  servfail,
  silence,
  startUpstream,
  truncatedOverUdp,
  type UpstreamQuery,
  wireName,
  withRcode,
} from "../support/scripted-upstream.ts";
import { UdpSwarm } from "../support/udp-swarm.ts";

const SERVERS = 3;
const TRIES = 3;
/** Names that an answer mentions. */
const MENTIONED = 40;

function mentioning(query: UpstreamQuery): Uint8Array {
  const nameservers = Array.from({ length: MENTIONED }, (_, i) => {
    return { owner: "example.", type: 2, ttl: 60, rdata: wireName(`ns${i}.victim.`) };
  });
  return respond(query, { authority: nameservers });
}

const scripts: readonly (readonly [what: string, script: Script, budget: number])[] = [
  ["say nothing", silence(), SERVERS * TRIES],
  ["are silent over TCP after TC", truncatedOverUdp(silence()), SERVERS * TRIES * 2],
  ["close TCP connections after TC", truncatedOverUdp(() => ({ close: true })), SERVERS * TRIES * 2 * 2],
  ["send halves of messages", (query) => ({ reply: respond(query, { answers: [] }).subarray(0, 14) }), SERVERS * TRIES],
  ["answer SERVFAIL", servfail(), SERVERS * TRIES],
  ["answer REFUSED", refused(), SERVERS * TRIES],
  ["answer FORMERR", withRcode(1), SERVERS * TRIES],
  ["refer to 40 other servers", (query) => ({ reply: mentioning(query) }), TRIES],
  [
    "answer with an alias in another zone",
    (query) => ({ reply: respond(query, { answers: [{ type: 5, ttl: 60, rdata: wireName("www.victim.") }] }) }),
    TRIES,
  ],
];

describe("upstreams that", { concurrency: true }, () => {
  for (const [what, script, budget] of scripts) {
    it(`${what} get at most ${budget} queries for one of a client's`, async (t) => {
      const others = await Promise.all([startUpstream({ script }), startUpstream({ script })]);
      t.after(() => Promise.all(others.map((upstream) => upstream.close())));
      const also = others.map(({ port }) => `127.0.0.1:${port}`).join(" ");
      const server = await pluginServer(
        t,
        script,
        `. {\n cache\n forward . 127.0.0.1:PORT ${also} {\n policy sequential\n failover SERVFAIL REFUSED\n }\n}`,
      );
      const sent = (): number => {
        // Not health checks, nor what a server of another test sends to a port that was another upstream's before.
        const all = [server.upstream, ...others].flatMap(({ queries }) => queries);
        return all.filter(({ name }) => name === "www.example." || name.endsWith(".victim.")).length;
      };
      await askUdp({ port: server.running.port, wire: queryFor("www.example.", 1), timeoutMs: 5000 });
      const first = sent();
      assert.ok(first >= 1 && first <= budget, `${first} queries`);
      const mentioned = server.upstream.queries.filter(({ name }) => name.endsWith(".victim."));
      assert.deepEqual(mentioned, [], "what answers mention is asked for");

      if (what.includes("alias")) return;
      // The same again from many clients: it is remembered. (An alias that leads nowhere is no failure, and not held.)
      const swarm = await UdpSwarm.open(server.running.port, 10);
      t.after(() => swarm.close());
      for (let i = 0; i < 100; i++) await swarm.send(i, queryFor("www.example.", 1));
      assert.ok(await swarm.untilReplies(100), `${swarm.replies} replies`);
      const again = sent() - first;
      assert.ok(again <= budget * 3, `${again} queries for 100 more`);
    });
  }
});
