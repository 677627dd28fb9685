/**
 * `--coredns-compat`: each line of the table at the top of `docs/differences.md`, in both columns.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { decodeMessage } from "../../../src/dns/message.ts";
import { askUdp, queryFor } from "../../support/dns-client.ts";
import { type ForwardingServer, forwardingServer } from "../../support/forwarding-server.ts";
import { startNodens } from "../../support/nodens-process.ts";
import { linesOf } from "../../support/plugin-server.ts";
import { answerA, inTurn, nxdomain, respond, type Script, servfail } from "../../support/scripted-upstream.ts";

const A = 1;
const FLAG_AA = 0x0400;

/** AA, and a record of another name. */
const careless: Script = (query) => {
  const record = { type: A, ttl: 300, rdata: Uint8Array.of(192, 0, 2, 1) };
  const stray = { ...record, owner: "other.example." };
  return { reply: respond(query, { flags: FLAG_AA, answers: [record, stray] }) };
};

for (const compat of ["1.14", "1.12"] as const) {
  const like112 = compat === "1.12";

  describe(`--coredns-compat ${compat}`, () => {
    let folder: string;
    let server: ForwardingServer;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "nodens-compat-"));
      writeFileSync(join(folder, "resolv.conf"), "search first.example example\n");
      server = await forwardingServer(
        {
          careless,
          stale: inTurn(answerA("192.0.2.1", 60), servfail()),
          host: (query) => (query.name === "host." ? answerA("192.0.2.1", 60)(query) : nxdomain(60, 60)(query)),
        },
        `rewritten.example {
    rewrite name exact a.rewritten.example b.rewritten.example
    rewrite name exact c.rewritten.example b.rewritten.example
    rewrite name exact public.rewritten.example secret.rewritten.example
    acl secret.rewritten.example {
        block
    }
    cache
    forward . 127.0.0.1:PORT
}
first.example host {
    autopath ${folder}/resolv.conf
    cache
    forward . 127.0.0.1:PORT
}
. {
    cache {
        serve_stale 1h verify 100ms
    }
    forward . 127.0.0.1:PORT
}
`,
        { compat },
      );
    });
    after(async () => {
      await server.stop();
      rmSync(folder, { recursive: true });
    });

    it(`names that are rewritten to one have ${like112 ? "an answer each" : "one answer"} in the cache`, async () => {
      for (const name of ["a.rewritten.example.", "c.rewritten.example."]) {
        assert.equal((await server.udp(name, A)).rcode, 0);
      }
      assert.equal(server.asked("b.rewritten.example.").length, like112 ? 2 : 1);
    });

    it(`acl judges the name that ${like112 ? "the client asked for" : "rewrite made"}`, async () => {
      assert.equal((await server.udp("public.rewritten.example.", A)).rcode, like112 ? 0 : 5);
      assert.equal((await server.udp("secret.rewritten.example.", A)).rcode, 5);
    });

    it(`the cache holds ${like112 ? "what autopath found" : "each question of autopath"}`, async () => {
      assert.equal((await server.udp("host.first.example.", A)).rcode, 0);
      const before = server.upstream.queries.length;
      assert.equal((await server.udp("host.", A)).rcode, 0);
      assert.equal(server.upstream.queries.length - before, like112 ? 1 : 0);
    });

    it(`AA is ${like112 ? "the upstream's, and set on answers from the cache" : "clear"}`, async () => {
      for (const [name, first] of [
        ["careless.example.", like112],
        ["plain.example.", false],
      ] as const) {
        assert.equal(((await server.udp(name, A)).flags & FLAG_AA) !== 0, first, `${name} first`);
        assert.equal(((await server.udp(name, A)).flags & FLAG_AA) !== 0, like112, `${name} over UDP`);
        assert.equal(((await server.tcp(name, A)).flags & FLAG_AA) !== 0, like112, `${name} over TCP`);
        assert.equal(server.asked(name).length, 1);
      }
    });

    it(`records that do not belong to the question are ${like112 ? "relayed" : "left out"}`, async () => {
      for (let i = 0; i < 2; i++) {
        const owners = linesOf((await server.udp("careless.example.org.", A)).answers).map(
          (line) => line.split(" ")[0],
        );
        assert.deepEqual(owners, ["careless.example.org.", ...(like112 ? ["other.example."] : [])]);
      }
    });

    it(`stale answers have a TTL of ${like112 ? 0 : 30} seconds`, async () => {
      await server.tcp("stale.example.", A);
      server.clock.advanceMs(62_000);
      assert.deepEqual(linesOf((await server.tcp("stale.example.", A)).answers), [
        `stale.example. ${like112 ? 0 : 30} IN A 192.0.2.1`,
      ]);
    });

    it("options that only 1.14.7 has are understood", async () => {
      const newer = await forwardingServer(
        {},
        ". {\n cache {\n serve_stale 1h immediate 30s 30s\n}\n forward . 127.0.0.1:PORT {\n failover SERVFAIL\n}\n}\n",
        { compat },
      );
      await newer.stop();
    });
  });
}

describe("the option of `serve`", () => {
  for (const compat of ["1.14", "1.12"]) {
    it(compat, async () => {
      const nodens = await startNodens(
        (port) =>
          `.:${port} {\n bind 127.0.0.1\n cache\n template ANY ANY {\n answer "{{ .Name }} 60 IN A 192.0.2.1"\n}\n}\n`,
        ["--coredns-compat", compat],
      );
      try {
        const ask = async (): Promise<number> =>
          decodeMessage(await askUdp({ port: nodens.port, wire: queryFor("www.example.", A) })).flags;
        await ask();
        assert.equal(((await ask()) & FLAG_AA) !== 0, compat === "1.12");
      } finally {
        await nodens.end();
      }
    });
  }
  it("takes no other version", async () => {
    await assert.rejects(
      startNodens(() => ". {\n whoami\n}\n", ["--coredns-compat", "1.13"]),
      /Allowed choices are 1\.12, 1\.14/,
    );
  });
});
