import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import * as dnsPacket from "dns-packet";
import { askTcp, askUdp, queryFor, TcpClient } from "./dns-client.ts";
import {
  answerA,
  delayed,
  inTurn,
  nxdomain,
  respond,
  servfail,
  silence,
  startUpstream,
  truncatedOverUdp,
  type ScriptedUpstream,
} from "./scripted-upstream.ts";

const open: ScriptedUpstream[] = [];
async function upstream(options: Parameters<typeof startUpstream>[0]): Promise<ScriptedUpstream> {
  const started = await startUpstream(options);
  open.push(started);
  return started;
}
after(() => Promise.all(open.map((started) => started.close())));

describe("scripted upstream", () => {
  it("answers over UDP and TCP on one port what an independent decoder reads as an A record", async () => {
    const up = await upstream({ script: answerA("192.0.2.7", 30) });
    const wire = queryFor("www.Example.org.", 1, { id: 77, opt: 1232 });
    for (const bytes of [await askUdp({ port: up.port, wire }), await askTcp({ port: up.port, wire })]) {
      const message = dnsPacket.decode(Buffer.from(bytes));
      assert.equal(message.id, 77);
      assert.equal(message.questions?.[0]?.name, "www.Example.org");
      assert.deepEqual(
        message.answers?.map((a) => ("data" in a && "ttl" in a ? [a.name, a.ttl, a.data] : a)),
        [["www.Example.org", 30, "192.0.2.7"]],
      );
      assert.equal(message.additionals?.[0]?.type, "OPT");
    }
    assert.deepEqual(
      up.queries.map((q) => [q.name, q.type, q.transport, q.count, q.connection, q.dnssecOk]),
      [
        ["www.Example.org.", 1, "udp", 1, 0, false],
        ["www.Example.org.", 1, "tcp", 2, 1, false],
      ],
    );
  });

  it("denies with an SOA that an independent decoder reads", async () => {
    const up = await upstream({ script: nxdomain(40, 20) });
    const message = dnsPacket.decode(Buffer.from(await askUdp({ port: up.port, wire: queryFor("no.example.", 1) })));
    assert.equal(message.flags !== undefined && message.flags & 15, 3);
    const authority = message.authorities?.[0];
    assert.ok(authority?.type === "SOA");
    assert.deepEqual([authority.name, authority.ttl, authority.data.minimum], [".", 40, 20]);
  });

  it("truncates over UDP only", async () => {
    const up = await upstream({ script: truncatedOverUdp(answerA("192.0.2.1", 1)) });
    const wire = queryFor("a.", 1);
    assert.equal((await askUdp({ port: up.port, wire })).at(2), 0x83);
    assert.equal((await askTcp({ port: up.port, wire })).at(2), 0x81);
  });

  it("plays scripts in turn for each question", async () => {
    const up = await upstream({ script: inTurn(servfail(), answerA("192.0.2.1", 1)) });
    const lowFlags = async (name: string): Promise<number | undefined> =>
      (await askUdp({ port: up.port, wire: queryFor(name, 1) })).at(3);
    const inTurns = [await lowFlags("a."), await lowFlags("b."), await lowFlags("A."), await lowFlags("b.")];
    assert.deepEqual(inTurns, [0x82, 0x82, 0x80, 0x80]);
  });

  it("sends several messages, waits, hangs up, and keeps silent when told", async () => {
    const up = await upstream({
      script: (query) => {
        if (query.name === "late.") return delayed(10, answerA("192.0.2.1", 1))(query);
        if (query.name === "hang.") return { close: true };
        if (query.name === "silent.") return silence()(query);
        return { reply: [respond(query, { id: query.id ^ 1 }), respond(query, {})] };
      },
    });
    const client = await TcpClient.connect(up.port);
    client.send(queryFor("late.", 1, { id: 1 }), queryFor("silent.", 1, { id: 2 }), queryFor("twice.", 1, { id: 4 }));
    assert.deepEqual(
      (await client.take(3)).map((m) => m[1]),
      [5, 4, 1],
    );
    await assert.rejects(client.next(20), /no message in 20 ms/);
    client.send(queryFor("hang.", 1));
    assert.equal(await client.ended(), "fin");
    assert.equal(up.connectionsAccepted, 1);
    client.destroy();
  });

  it("is refused after it is closed, and over TCP when it has none", async () => {
    const up = await upstream({ tcp: false });
    const wire = queryFor("a.", 1);
    await askUdp({ port: up.port, wire });
    await assert.rejects(askTcp({ port: up.port, wire }), /ECONNREFUSED/);
    await up.close();
    await assert.rejects(askUdp({ port: up.port, wire, timeoutMs: 200 }), /ECONNREFUSED|no UDP answer/);
  });
});
