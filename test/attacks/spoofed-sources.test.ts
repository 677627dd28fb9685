/**
 * Queries whose source nobody can answer: port 0, and the server's own address, with which a reply would come back as the
 * next query (as in CVE-1999-0103, echo and chargen). The defence: what comes from port 0 is lost alone, and a response
 * is never answered, so a query from ourselves is over with its own reply.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { requireLibc } from "../../src/linux/libc.ts";
import { SOCKADDR_MAX_BYTES, writeSockaddr } from "../../src/base/address.ts";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { parseExposition } from "../support/exposition.ts";
import { withoutFfi } from "../support/ffi.ts";
import { freePort } from "../support/free-port.ts";
import { missing } from "../support/machine.ts";
import { pluginServer } from "../support/plugin-server.ts";
import { answerA } from "../support/scripted-upstream.ts";

const AF_INET = 2;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const IPPROTO_UDP = 17;
const UDP_HEADER_BYTES = 8;
const PACKETS = 30;

/** Sends datagrams from 127.0.0.1 and any port, 0 too. */
class Forger {
  readonly #fd: number;

  constructor(to: number) {
    const c = requireLibc();
    const address = new Uint8Array(SOCKADDR_MAX_BYTES);
    const length = writeSockaddr(address, 0, "127.0.0.1", to);
    this.#fd = c.socket(AF_INET, SOCK_RAW_CLOEXEC, IPPROTO_UDP);
    assert.ok(this.#fd >= 0 && c.connect(this.#fd, address, length) === 0, "a raw socket");
  }

  send(from: number, to: number, payload: Uint8Array): void {
    const length = UDP_HEADER_BYTES + payload.length;
    // Without a checksum: IPv4 allows it.
    const header = [from >> 8, from & 0xff, to >> 8, to & 0xff, length >> 8, length & 0xff, 0, 0];
    const datagram = Uint8Array.from([...header, ...payload]);
    assert.equal(requireLibc().write(this.#fd, datagram, datagram.length), datagram.length);
  }

  close(): void {
    requireLibc().close(this.#fd);
  }
}

/** Hits, misses, and queries that are refused in each way. */
function mixed(i: number): Uint8Array {
  const kinds = [
    queryFor("known.example.", 1, { id: i }),
    queryFor(`miss-${i}.example.`, 1, { id: i }),
    queryFor("known.example.", 1, { id: i, flags: 0x2800 }),
    queryFor("known.example.", 252, { id: i }),
    queryFor("known.example.", 1, { id: i }).slice(0, 20),
  ];
  return kinds[i % kinds.length] ?? new Uint8Array(0);
}

describe("sources that cannot be answered", { skip: withoutFfi || missing("linux", "root") }, () => {
  for (const front of ["ffi", "dgram"] as const) {
    it(`from the server's own address end with their reply, over ${front}`, async (t) => {
      const { server, forger } = await start(t, front);
      const before = await server.counts();
      for (let i = 0; i < PACKETS; i++) forger.send(server.port, server.port, mixed(i));
      const after = await server.still();
      assert.equal(after.responses - before.responses, PACKETS, "each reply came back and was dropped");
      assert.ok(after.requests - before.requests <= PACKETS, "none of them was taken for a query");
      await server.check();
    });
  }

  for (const front of ["ffi", "dgram"] as const) {
    it(`from port 0 are lost, and nothing else is, over ${front}`, async (t) => {
      const { server, forger } = await start(t, front);
      for (let i = 0; i < PACKETS; i++) {
        forger.send(0, server.port, mixed(i));
        if (i % 3 === 0) await server.check();
      }
      await server.still();
      await server.check();
    });
  }
});

interface Started {
  readonly forger: Forger;
  readonly server: {
    readonly port: number;
    counts(): Promise<{ readonly responses: number; readonly requests: number }>;
    /** Counts, when they have not changed for a while. */
    still(): Promise<{ readonly responses: number; readonly requests: number }>;
    /** Asks for what is known and for what is not. */
    check(): Promise<void>;
  };
}

async function start(t: Parameters<typeof pluginServer>[0], front: "ffi" | "dgram"): Promise<Started> {
  const http = await freePort();
  const corefile = `. {\n cache\n prometheus 127.0.0.1:${http}\n forward . 127.0.0.1:PORT\n}`;
  const { running } = await pluginServer(t, answerA("192.0.2.1", 60), corefile, {
    server: { useFfi: front === "ffi" },
  });
  const forger = new Forger(running.port);
  t.after(() => forger.close());
  let asked = 0;
  const ask = async (name: string): Promise<void> => {
    const reply = await askUdp({ port: running.port, wire: queryFor(name, 1), timeoutMs: 10_000 });
    assert.equal((reply[3] ?? 0) & 15, 0, name);
  };
  const check = async (): Promise<void> => {
    await ask("known.example.");
    await ask(`check-${asked++}.example.`);
  };
  const counts = async (): Promise<{ responses: number; requests: number }> => {
    const families = parseExposition(await (await fetch(`http://127.0.0.1:${http}/metrics`)).text());
    const sum = (family: string, reason?: string): number =>
      (families.get(family)?.samples ?? [])
        .filter(({ labels }) => reason === undefined || labels["reason"] === reason)
        .reduce((total, { value }) => total + value, 0);
    return { responses: sum("nodens_dropped_total", "response"), requests: sum("coredns_dns_requests_total") };
  };
  const still = async (): Promise<{ responses: number; requests: number }> => {
    let last = await counts();
    for (let same = 0; same < 4;) {
      await sleep(50);
      const now = await counts();
      same = now.responses === last.responses && now.requests === last.requests ? same + 1 : 0;
      last = now;
    }
    return last;
  };
  await check();
  return { forger, server: { port: running.port, counts, still, check } };
}
