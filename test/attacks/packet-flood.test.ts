/**
 * 100,000 random and mutated packets over UDP against a running server, its upstream among those who get them: nothing
 * crashes, no refusal is longer than its query, and a control query is answered after each thousand.
 *
 * The packets come from a seed, which a failure names: `NODENS_SEED=… npm test -- packet-flood` plays the same again.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, it } from "node:test";
import { decodeMessage } from "../../src/dns/message.ts";
import { askTcp, askUdp, queryFor } from "../support/dns-client.ts";
import { pluginServer } from "../support/plugin-server.ts";
import { answerA, nxdomain, type Script } from "../support/scripted-upstream.ts";
import { UdpSwarm } from "../support/udp-swarm.ts";

const PACKETS = 100_000;
const CONTROL_EVERY = 1000;
const CLIENTS = 8;
const LONGEST = 1500;
const SERVFAIL = 2;
/** An extended error that says why an upstream failed, with its text. */
const EXTENDED_ERROR_MAX = 64;

/** Numbers from 0 to `below` - 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  };
}

function withTail(query: Uint8Array, tail: readonly number[], additional: number): Uint8Array {
  const whole = Uint8Array.from([...query, ...tail]);
  whole[11] = additional;
  return whole;
}

const COOKIE = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 12, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
const SUBNET = [0, 0, 41, 16, 0, 0, 0, 128, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 10, 0, 0];
const TSIG = [0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/** What is mutated: queries as clients send them, and some as they should not. */
const SEEDS: readonly Uint8Array[] = [
  queryFor("www.example.org.", 1),
  queryFor("kubernetes.default.svc.cluster.local.", 28, { opt: 1232 }),
  queryFor("www.example.org.", 65, { opt: 4096, dnssecOk: true }),
  queryFor(`${"x".repeat(63)}.${"y".repeat(63)}.${"z".repeat(63)}.example.`, 16),
  queryFor("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.example.", 12, { opt: 512 }),
  queryFor(".", 2),
  queryFor("version.bind.", 16, { class: 3 }),
  queryFor("example.org.", 252),
  queryFor("example.org.", 255, { opt: 1232 }),
  queryFor("www.example.org.", 1, { flags: 0x2800 }),
  queryFor("www.example.org.", 1, { flags: 0x8180 }),
  withTail(queryFor("www.example.org.", 1), COOKIE, 1),
  withTail(queryFor("www.example.org.", 1), SUBNET, 1),
  withTail(queryFor("www.example.org.", 1), [...COOKIE, ...TSIG], 2),
  withTail(queryFor("www.example.org.", 1), [...COOKIE, ...COOKIE], 2),
  Uint8Array.from([...queryFor("www.example.org.", 1), ...Array.from({ length: 400 }, (_, i) => i & 255)]),
];

function anyBytes(random: (below: number) => number, most: number): Uint8Array {
  return Uint8Array.from({ length: random(most + 1) }, () => random(256));
}

/** One packet: every tenth is random, the others are seeds with one to four changes. */
function packetFrom(random: (below: number) => number): Uint8Array {
  if (random(10) === 0) return anyBytes(random, random(4) === 0 ? LONGEST : 64);
  let bytes: Uint8Array = SEEDS[random(SEEDS.length)] ?? new Uint8Array(12);
  bytes = bytes.slice();
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(Math.max(bytes.length, 1));
    switch (random(8)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 2:
        // Interesting values: lengths, pointers, limits.
        bytes[at] = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff][random(9)] ?? 0;
        break;
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4:
        bytes = Uint8Array.from([...bytes.slice(0, at), ...anyBytes(random, 20), ...bytes.slice(at)]);
        break;
      case 5:
        bytes = Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + 1 + random(8))]);
        break;
      case 6: {
        // The counts of the header.
        const count = 4 + random(8);
        if (count < bytes.length) bytes[count] = random(3) === 0 ? 0xff : random(4);
        break;
      }
      default: {
        const other = SEEDS[random(SEEDS.length)] ?? bytes;
        bytes = Uint8Array.from([...bytes.slice(0, at), ...other.slice(random(other.length))]);
      }
    }
  }
  return bytes.slice(0, LONGEST);
}

const upstream: Script = (query) => (query.type === 1 ? answerA("192.0.2.1", 60)(query) : nxdomain(60, 60)(query));

describe("a flood of packets", () => {
  it("of 100,000 random and mutated ones crashes nothing, and no refusal is longer than its query", async (t) => {
    const seed = Number(process.env["NODENS_SEED"] ?? Math.floor(Math.random() * 0xffff_ffff));
    t.diagnostic(`seed ${seed}`);
    const random = randomFrom(seed);
    const { running } = await pluginServer(t, upstream, ". {\n cache\n errors\n forward . 127.0.0.1:PORT\n}");
    const lengths = Array.from({ length: CLIENTS }, () => new Uint16Array(0x10000));
    const offenders: string[] = [];
    let refusals = 0;
    let answered = 0;
    const swarm = await UdpSwarm.open(running.port, CLIENTS, (reply, client) => {
      const id = ((reply[0] ?? 0) << 8) | (reply[1] ?? 0);
      const rcode = (reply[3] ?? 0) & 15;
      const length = lengths[client]?.[id] ?? 0;
      if (rcode === 0 || rcode === 3) answered++;
      else refusals++;
      const most = rcode === 0 || rcode === 3 ? 1232 : length + (rcode === SERVFAIL ? EXTENDED_ERROR_MAX : 0);
      const isReply = ((reply[2] ?? 0) & 0x80) !== 0;
      if (!isReply || length === 0 || reply.length > most) offenders.push(`${Buffer.from(reply).toString("hex")}`);
    });
    t.after(() => swarm.close());
    const control = queryFor("control.example.", 1, { opt: 1232 });
    for (let n = 1; n <= PACKETS; n++) {
      const packet = packetFrom(random);
      const client = n % CLIENTS;
      if (packet.length >= 2) {
        const id = Math.floor(n / CLIENTS);
        packet[0] = id >> 8;
        packet[1] = id & 255;
        const of = lengths[client];
        if (of !== undefined) of[id] = packet.length;
      }
      await swarm.send(client, packet);
      if (n % CONTROL_EVERY !== 0) continue;
      const asking = { port: running.port, wire: control };
      const reply = await askUdp(asking).catch(() => askUdp(asking));
      assert.equal(decodeMessage(reply).answers.length, 1, `after ${n} packets of seed ${seed}`);
      assert.deepEqual(offenders, [], `seed ${seed}`);
    }
    await swarm.untilQuiet();
    assert.deepEqual(running.fatals, []);
    assert.deepEqual(offenders, [], `seed ${seed}`);
    assert.equal(decodeMessage(await askTcp({ port: running.port, wire: control })).answers.length, 1);
    const defects = running.lines.filter((line) => /defect|panic|TypeError|RangeError/.test(line));
    assert.deepEqual(defects, []);
    assert.ok(answered > PACKETS / 20, `${answered} packets were answered: the flood tested nothing`);
    assert.ok(refusals > PACKETS / 20, `${refusals} packets were refused: the flood tested nothing`);
  });

  it("from clients that are gone when the reply comes holds nobody up", async (t) => {
    const { running, ask } = await pluginServer(t, upstream, ". {\n cache\n forward . 127.0.0.1:PORT\n}");
    for (let i = 0; i < 500; i++) {
      const socket = createSocket("udp4");
      socket.connect(running.port, "127.0.0.1");
      await once(socket, "connect");
      // One from the cache and one that is asked for: both replies meet a closed port.
      socket.send(queryFor("www.example.org.", 1));
      socket.send(queryFor(`n${i}.example.org.`, 1), () => socket.close());
      if (i % 100 === 99) assert.equal((await ask("www.example.org.", 1)).answers.length, 1);
    }
    assert.deepEqual(running.fatals, []);
  });
});
