/** RFC 7766: TCP as a transport of its own right. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { queryFor, TcpClient } from "../../support/dns-client.ts";
import { forwardingServer } from "../../support/forwarding-server.ts";
import { answerA, delayed, respond, type Script } from "../../support/scripted-upstream.ts";

const A = 1;
const TXT = 16;

const huge: Script = (query) => {
  if (query.transport === "udp") return { reply: respond(query, { flags: 0x0200 }) };
  const text = Uint8Array.of(250, ...new Uint8Array(250).fill(0x61));
  const answers = Array.from({ length: 200 }, (_, i) => ({ type: TXT, ttl: 60, rdata: text.with(1, i) }));
  return { reply: respond(query, { answers }) };
};

const server = await forwardingServer({ slow: delayed(80, answerA("192.0.2.2", 60)), huge });
after(() => server.stop());

async function client(work: (tcp: TcpClient) => Promise<void>): Promise<void> {
  const tcp = await TcpClient.connect(server.port);
  try {
    await work(tcp);
  } finally {
    tcp.destroy();
  }
}
const idOf = (wire: Uint8Array): number => ((wire[0] ?? 0) << 8) | (wire[1] ?? 0);
const addressOf = (wire: Uint8Array): number => wire.at(-1) ?? -1;

describe("§5: who serves UDP serves TCP", () => {
  it("on the same port, also to who never asked over UDP", async () => {
    assert.equal((await server.tcp("first.example.org.", A)).answers.length, 1);
  });
});

describe("§6.2.1: a connection may be used again, and is not closed by the server after an answer", () => {
  it("three questions, one after the other", async () => {
    await client(async (tcp) => {
      for (let id = 1; id <= 3; id++) {
        tcp.send(queryFor("again.example.org.", A, { id }));
        assert.equal(idOf(await tcp.next()), id);
      }
      assert.ok(tcp.isOpen);
    });
  });
});

describe("§6.2.1.1: a client need not wait for an answer before it asks again", () => {
  it("five questions in one segment, each answered once", async () => {
    await client(async (tcp) => {
      tcp.send(...[1, 2, 3, 4, 5].map((id) => queryFor(`p${id}.example.org.`, A, { id })));
      assert.deepEqual(
        (await tcp.take(5)).map(idOf).toSorted((a, b) => a - b),
        [1, 2, 3, 4, 5],
      );
    });
  });
});

describe("§7: answers go out as they are ready, whatever the order of the questions; the id tells them apart", () => {
  it("a quick one does not wait for a slow one", async () => {
    await client(async (tcp) => {
      tcp.send(queryFor("slow.example.org.", A, { id: 1 }), queryFor("quick.example.org.", A, { id: 2 }));
      const replies = await tcp.take(2);
      assert.deepEqual(replies.map(idOf), [2, 1]);
      assert.deepEqual(replies.map(addressOf), [1, 2]);
    });
  });
});

describe("§8: length and message may come in any pieces, and leave in one", () => {
  it("byte by byte", async () => {
    const wire = queryFor("pieces.example.org.", A, { id: 9 });
    await client(async (tcp) => {
      for (const byte of [0, wire.length, ...wire]) tcp.sendRaw(Uint8Array.of(byte));
      assert.equal(idOf(await tcp.next()), 9);
    });
  });
  it("length and message together", async () => {
    await client(async (tcp) => {
      const first = new Promise<Uint8Array>((resolve) => tcp.socket.once("data", resolve));
      tcp.send(queryFor("pieces.example.org.", A, { id: 10 }));
      const chunk = await first;
      assert.equal(((chunk[0] ?? 0) << 8) | (chunk[1] ?? 0), chunk.length - 2);
    });
  });
});

describe("§3: what UDP cannot carry comes over TCP whole", () => {
  it("TC over UDP, 50 kB over TCP, and EDNS sizes mean nothing there", async () => {
    assert.equal((await server.udp("huge.example.org.", TXT, { opt: 1232 })).flags & 0x0200, 0x0200);
    const { answers, flags } = await server.tcp("huge.example.org.", TXT, { opt: 512 });
    assert.equal(answers.length, 200);
    assert.equal(flags & 0x0200, 0);
  });
});

describe("§6.2.2: few connections to one upstream, and questions share them", () => {
  it("ten at once", async () => {
    const before = server.upstream.connectionsAccepted;
    await Promise.all(Array.from({ length: 10 }, (_, i) => server.tcp(`many${i}.example.org.`, A)));
    assert.ok(server.upstream.connectionsAccepted - before <= 8);
    assert.ok(server.upstream.connectionsOpen <= 8);
  });
});

describe("§6.2.4: a question whose connection the upstream closed before the answer is asked again", () => {
  it("at once, on a new one", async () => {
    const tcpOnly = await forwardingServer(
      { gone: (query) => (query.count === 1 ? { close: "reset" } : answerA("192.0.2.7", 60)(query)) },
      ". {\n cache\n forward . 127.0.0.1:PORT {\n force_tcp\n}\n}\n",
    );
    try {
      assert.equal((await tcpOnly.udp("warm.example.org.", A)).answers.length, 1);
      assert.equal((await tcpOnly.udp("gone.example.org.", A)).answers.length, 1);
    } finally {
      await tcpOnly.stop();
    }
  });
});
