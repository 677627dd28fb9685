/** RFC 8914: why an answer is what it is. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Message } from "../../../src/dns/message.ts";
import { type ForwardingServer, forwardingServer } from "../../support/forwarding-server.ts";
import { respond, servfail, silence, startUpstream } from "../../support/scripted-upstream.ts";

const A = 1;
const EXTENDED_ERROR = 15;

/** Info codes and texts of a reply. */
function errorsOf(reply: Message): [code: number, text: string][] {
  return (reply.edns?.options ?? [])
    .filter(({ code }) => code === EXTENDED_ERROR)
    .map(({ data }) => [((data[0] ?? 0) << 8) | (data[1] ?? 0), new TextDecoder().decode(data.subarray(2))]);
}

let server: ForwardingServer;
before(async () => {
  const gone = await startUpstream({ tcp: false });
  await gone.close();
  server = await forwardingServer(
    {
      failing: servfail(),
      silent: silence(),
      bogus: (query) => {
        const plain = respond(query, { rcode: 2, opt: false });
        const option = [0, 15, 0, 7, 0, 6, ...Buffer.from("bogus")];
        plain[11] = 1;
        return { reply: Uint8Array.of(...plain, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, option.length, ...option) };
      },
    },
    `blocked.example {
    acl {
        block
    }
    cache
    forward . 127.0.0.1:PORT
}
filtered.example {
    acl {
        filter
    }
    cache
    forward . 127.0.0.1:PORT
}
gone.example {
    cache
    forward . 127.0.0.1:${gone.port}
}
. {
    cache
    forward . 127.0.0.1:PORT {
        read_timeout 100ms
    }
}
`,
  );
});
after(() => server.stop());

const ask = (name: string): Promise<Message> => server.udp(name, A, { opt: 1232 });

describe("§2: an extended error is an option: who sends no OPT gets none", () => {
  it("the failure is the same", async () => {
    for (let i = 0; i < 2; i++) {
      const reply = await server.udp("failing.example.org.", A);
      assert.deepEqual([reply.rcode, reply.edns, reply.additional.length], [2, undefined, 0]);
    }
  });
});

describe("§3: a forwarder may hand on what an upstream says", () => {
  it("code 6 and its text", async () => {
    assert.deepEqual(errorsOf(await ask("bogus.example.org.")), [[6, "bogus"]]);
  });
});

describe("§4.14: 13 says that a failure is one that was seen before", () => {
  it("from the second time on", async () => {
    assert.deepEqual(errorsOf(await ask("failing.example.net.")), []);
    assert.deepEqual(errorsOf(await ask("failing.example.net.")), [[13, ""]]);
  });
});

describe("§4.16 and §4.18: 15 and 17 say that the answer is withheld on purpose", () => {
  it("15 with REFUSED", async () => {
    const reply = await ask("blocked.example.");
    assert.deepEqual([reply.rcode, errorsOf(reply).map(([code]) => code)], [5, [15]]);
  });
  it("17 with an empty answer", async () => {
    const reply = await ask("filtered.example.");
    assert.deepEqual([reply.rcode, errorsOf(reply).map(([code]) => code)], [0, [17]]);
  });
});

describe("§4.24: 23 says that the network failed, and nothing about whose address did", () => {
  it("an upstream that is not there", async () => {
    const reply = await ask("www.gone.example.");
    assert.equal(reply.rcode, 2);
    assert.deepEqual(errorsOf(reply), [[23, "upstream refused the connection"]]);
  });
});

describe("§4.23: 22 says that nobody who knows could be reached", () => {
  it("an upstream that is silent", async () => {
    const reply = await ask("silent.example.org.");
    assert.equal(reply.rcode, 2);
    assert.deepEqual(errorsOf(reply), [[22, "upstream timed out"]]);
  });
});
