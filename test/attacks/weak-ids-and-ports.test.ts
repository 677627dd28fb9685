/**
 * Ids and source ports that can be guessed let an off-path forger answer (CVE-2019-19794 of CoreDNS: `math/rand`;
 * CVE-2025-40780 of BIND: a weak generator; CVE-2026-50252 of Unbound: ports that tell the thread).
 *
 * The bounds are so wide that a good generator exceeds one of them less than once in a billion runs.
 */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { queryFor } from "../support/dns-client.ts";
import { runServer } from "../support/running-server.ts";
import { answerA, startUpstream, type UpstreamQuery } from "../support/scripted-upstream.ts";
import { UdpSwarm } from "../support/udp-swarm.ts";

const QUERIES = 3000;
const BINS = 16;
/** Chi-square with 15 degrees of freedom is above this with a probability of 1e-11. */
const CHI_SQUARE_MAX = 84;

function chiSquare(values: readonly number[]): number {
  const counts = Array.from({ length: BINS }, () => 0);
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  const expected = values.length / BINS;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** From each element to the next, modulo 2^16. */
function steps(values: readonly number[]): number[] {
  return values.slice(1).map((value, i) => (value - (values[i] ?? 0)) & 0xffff);
}

function mostFrequent(values: readonly number[]): number {
  return Math.max(...[...Map.groupBy(values, (value) => value).values()].map((group) => group.length));
}

describe("what a forger has to guess", () => {
  let queries: readonly UpstreamQuery[];
  let ids: number[];

  before(async () => {
    const upstream = await startUpstream({ script: answerA("192.0.2.1", 60) });
    const running = await runServer(`. {\n forward . 127.0.0.1:${upstream.port}\n}`, { server: { threads: 2 } });
    const swarm = await UdpSwarm.open(running.port, 20);
    for (let i = 0; i < QUERIES; i++) await swarm.send(i, queryFor(`n${i}.example.`, 1));
    await swarm.untilReplies(QUERIES, 30_000);
    await swarm.untilQuiet(50);
    swarm.close();
    await running.stop();
    await upstream.close();
    queries = upstream.queries;
    ids = queries.map(({ id }) => id);
  });

  it("ids are spread evenly, in each of their four digits", () => {
    // On a busy machine some never reach the upstream, which runs in this process.
    assert.ok(ids.length >= QUERIES / 2, `${ids.length} ids`);
    for (const shift of [0, 4, 8, 12]) {
      const value = chiSquare(ids.map((id) => (id >> shift) & 15));
      assert.ok(value < CHI_SQUARE_MAX, `chi-square of bits ${shift} to ${shift + 3}: ${value}`);
    }
  });

  it("ids tell nothing of the next: steps are spread as evenly, and none comes back", () => {
    const between = steps(ids);
    for (const shift of [0, 4, 8, 12]) {
      const value = chiSquare(between.map((step) => (step >> shift) & 15));
      assert.ok(value < CHI_SQUARE_MAX, `chi-square of steps, bits ${shift} to ${shift + 3}: ${value}`);
    }
    assert.ok(mostFrequent(between) <= 8, `one step comes ${mostFrequent(between)} times`);
    for (const lag of [2, 3, 4, 64]) {
      const equal = ids.filter((id, i) => i >= lag && id === ids[i - lag]).length;
      assert.ok(equal <= 8, `${equal} ids are those of ${lag} queries before`);
    }
  });

  it("ids are used again as seldom as chance has it", () => {
    const pairs = (ids.length * (ids.length - 1)) / 2 / 65_536;
    const repeated = ids.length - new Set(ids).size;
    assert.ok(repeated < pairs + 8 * Math.sqrt(pairs), `${repeated} repetitions, about ${pairs} were to be expected`);
    assert.ok(repeated > pairs - 8 * Math.sqrt(pairs), `${repeated} repetitions: too few for chance`);
  });

  it("ports are many, none is used much, and their order tells nothing", () => {
    const inOrder = queries.map(({ remotePort }) => remotePort);
    const uses = [...Map.groupBy(inOrder, (port) => port).values()].map((group) => group.length);
    assert.ok(uses.length >= 64, `${uses.length} ports`);
    assert.ok(Math.max(...uses) <= QUERIES / 5, `one port is used ${Math.max(...uses)} times`);
    const firstUses = [...new Set(inOrder)];
    const between = steps(firstUses);
    const near = between.filter((step) => step <= 4 || step >= 0x10000 - 4).length;
    assert.ok(near <= firstUses.length / 4, `${near} of ${firstUses.length} ports are neighbours of the one before`);
    assert.ok(mostFrequent(between) <= Math.max(8, firstUses.length / 8), "one step between ports is frequent");
  });
});
