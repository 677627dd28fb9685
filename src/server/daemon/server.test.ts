import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { askTcp, askUdp, queryFor, TcpClient } from "../../../test/support/dns-client.ts";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { type RunOptions, type RunningServer, runServer } from "../../../test/support/running-server.ts";
import {
  answerA,
  delayed,
  nxdomain,
  type Script,
  type ScriptedUpstream,
  servfail,
  startUpstream,
} from "../../../test/support/scripted-upstream.ts";
import { BindError } from "../../base/bind-error.ts";
import { decodeMessage, type Message } from "../../dns/message.ts";
import { recordToText } from "../../dns/records/record-text.ts";

const A = 1;
const AAAA = 28;

interface Setting {
  readonly running: RunningServer;
  readonly upstream: ScriptedUpstream;
  udp(name: string, type?: number, options?: Parameters<typeof queryFor>[2]): Promise<Message>;
  tcp(name: string, type?: number): Promise<Message>;
}

/** A server whose Corefile forwards to a scripted upstream; both are closed when the test ends. */
async function start(
  t: TestContext,
  script: Script,
  corefile: (upstreamPort: number) => string,
  options: RunOptions = {},
): Promise<Setting> {
  const upstream = await startUpstream({ script });
  t.after(() => upstream.close());
  const running = await runServer(corefile(upstream.port), options);
  t.after(() => running.stop());
  return {
    running,
    upstream,
    udp: async (name, type = A, query = {}) =>
      decodeMessage(await askUdp({ port: running.port, wire: queryFor(name, type, query) })),
    tcp: async (name, type = A) => decodeMessage(await askTcp({ port: running.port, wire: queryFor(name, type) })),
  };
}

const cached = (port: number): string => `. {\n cache\n forward . 127.0.0.1:${port}\n}\n`;

for (const front of ["ffi", "dgram"] as const) {
  const setting: typeof start = (t, script, corefile, options) =>
    start(t, script, corefile, { ...options, server: { useFfi: front === "ffi", ...options?.server } });

  describe(`server over ${front}`, { skip: front === "ffi" && withoutFfi }, () => {
    it("has the front that was asked for", async (t) => {
      const { running } = await setting(t, servfail(), cached);
      assert.match(running.server.description, front === "ffi" ? /^1 fast-path thread$/ : /^node:dgram/);
    });

    it("forwards a miss over UDP and TCP and answers the next from the cache", async (t) => {
      const { udp, tcp, upstream } = await setting(t, answerA("192.0.2.7", 300), cached);
      const first = await udp("www.example.org.");
      assert.equal(first.rcode, 0);
      assert.equal(first.answers[0]?.ttl, 300);
      const again = await udp("WWW.example.ORG.");
      assert.equal(again.answers.length, 1);
      assert.ok((again.answers[0]?.ttl ?? 0) >= 298);
      assert.equal((await tcp("www.example.org.")).answers.length, 1);
      assert.equal(upstream.queries.length, 1);
      assert.equal((await tcp("over-tcp.example.org.")).answers.length, 1);
      assert.equal(upstream.queries.length, 2);
      assert.equal((await udp("over-tcp.example.org.")).answers.length, 1);
      assert.equal(upstream.queries.length, 2);
    });

    it("clears AA on hits, and sets it as CoreDNS 1.12 when told to", async (t) => {
      const now = await setting(t, answerA("192.0.2.7", 300), cached);
      await now.udp("a.example.org.");
      assert.equal((await now.udp("a.example.org.")).flags & 0x0400, 0);
      const old = await setting(t, answerA("192.0.2.7", 300), cached, { compat: "1.12" });
      await old.udp("a.example.org.");
      assert.equal((await old.udp("a.example.org.")).flags & 0x0400, 0x0400);
    });

    it("answers every type of a denied name from one NXDOMAIN", async (t) => {
      const { udp, upstream } = await setting(t, nxdomain(60, 60), cached);
      assert.equal((await udp("none.example.org.", A)).rcode, 3);
      const other = await udp("none.example.org.", AAAA);
      assert.equal(other.rcode, 3);
      assert.equal(other.authority.length, 1);
      assert.equal(upstream.queries.length, 1);
    });

    it("asks once for twenty equal questions at the same time", async (t) => {
      const { udp, upstream } = await setting(t, delayed(30, answerA("192.0.2.7", 300)), cached);
      const replies = await Promise.all(Array.from({ length: 20 }, () => udp("same.example.org.")));
      assert.ok(replies.every((reply) => reply.answers.length === 1));
      assert.equal(upstream.queries.length, 1);
    });

    it("keeps its cached answers over a reload that changes nothing below the cache", async (t) => {
      const { udp, upstream, running } = await setting(t, answerA("192.0.2.7", 300), cached);
      await udp("kept.example.org.");
      running.configure(`. {\n errors\n cache\n forward . 127.0.0.1:${upstream.port}\n}\n`);
      await running.server.reload();
      assert.equal((await udp("kept.example.org.")).answers.length, 1);
      assert.equal(upstream.queries.length, 1, running.lines.join("\n"));
    });

    it("does not serve answers of another upstream after a reload", async (t) => {
      const { udp, running } = await setting(t, answerA("192.0.2.7", 300), cached);
      const other = await startUpstream({ script: answerA("192.0.2.8", 300) });
      t.after(() => other.close());
      await udp("moved.example.org.");
      running.configure(cached(other.port));
      await running.server.reload();
      await udp("moved.example.org.");
      assert.equal(other.queries.length, 1);
    });

    it("does not serve answers from files of another root after a reload", async (t) => {
      const folders = [1, 2].map((host) => {
        const folder = mkdtempSync(join(tmpdir(), "nodens-root-"));
        t.after(() => rmSync(folder, { recursive: true }));
        writeFileSync(join(folder, "hosts"), `192.0.2.${host} here.example.org\n`);
        return folder;
      });
      const corefile = (folder = ""): string => `. {\n root ${folder}\n cache\n hosts hosts\n}\n`;
      const { udp, running } = await setting(t, servfail(), () => corefile(folders[0]));
      const address = async (): Promise<string> =>
        (await udp("here.example.org.")).answers.map((record) => recordToText(record)).join();
      assert.match(await address(), /192\.0\.2\.1$/);
      running.configure(corefile(folders[1]));
      assert.equal(await running.server.reload(), undefined);
      assert.match(await address(), /192\.0\.2\.2$/);
    });

    it("does not serve answers from files that say something else at a reload", async (t) => {
      const folder = mkdtempSync(join(tmpdir(), "nodens-files-"));
      t.after(() => rmSync(folder, { recursive: true }));
      const servers = join(folder, "resolv.conf");
      const hosts = join(folder, "hosts");
      writeFileSync(servers, "nameserver 127.0.0.1\n");
      writeFileSync(hosts, "192.0.2.1 here.example.org\n");
      const text = `. {\n cache\n hosts ${hosts} {\n reload 0s\n fallthrough\n }\n forward . PORT ${servers} {\n policy sequential\n }\n}\n`;
      const script = answerA("192.0.2.7", 300);
      const { udp, running, upstream } = await setting(t, script, (port) => text.replace("PORT", `127.0.0.1:${port}`));
      const address = async (): Promise<string> =>
        (await udp("here.example.org.")).answers.map((record) => recordToText(record)).join();
      await udp("kept.example.org.");
      assert.match(await address(), /192\.0\.2\.1$/);
      assert.equal(await running.server.reload(), undefined);
      await udp("kept.example.org.");
      assert.equal(upstream.queries.length, 1, "the same files, the same answers");
      writeFileSync(servers, "nameserver 127.0.0.2\n");
      assert.equal(await running.server.reload(), undefined);
      await udp("kept.example.org.");
      assert.equal(upstream.queries.length, 2, "other upstreams");
      writeFileSync(hosts, "192.0.2.2 here.example.org\n");
      assert.equal(await running.server.reload(), undefined);
      assert.match(await address(), /192\.0\.2\.2$/);
    });

    it("goes on with the old configuration when the new one is wrong", async (t) => {
      const { udp, running } = await setting(t, answerA("192.0.2.7", 300), cached);
      running.configure(". {\n nonsense\n}\n");
      assert.match((await running.server.reload()) ?? "", /^Corefile:2:2: .*nonsense/);
      assert.equal((await udp("www.example.org.")).answers.length, 1);
    });

    it("serves a zone that a reload added, and refuses one that it took away", async (t) => {
      const { udp, running, upstream } = await setting(
        t,
        answerA("192.0.2.7", 300),
        (port) => `one.test {\n forward . 127.0.0.1:${port}\n}\n`,
      );
      assert.equal((await udp("a.one.test.")).rcode, 0);
      assert.equal((await udp("a.two.test.")).rcode, 5);
      running.configure(`two.test {\n forward . 127.0.0.1:${upstream.port}\n}\n`);
      await running.server.reload();
      assert.equal((await udp("a.one.test.")).rcode, 5);
      assert.equal((await udp("a.two.test.")).rcode, 0);
    });

    it("relays SERVFAIL and says so in the log of errors only for its own failures", async (t) => {
      const { udp } = await setting(t, servfail(), cached);
      assert.equal((await udp("broken.example.org.")).rcode, 2);
    });

    it("answers what is in flight before it ends", async (t) => {
      const { udp, running } = await setting(t, delayed(80, answerA("192.0.2.7", 300)), cached);
      const pending = udp("late.example.org.");
      await new Promise((resolve) => setTimeout(resolve, 30));
      await running.stop();
      assert.equal((await pending).answers.length, 1);
    });

    it("refuses classes that it does not serve and formats that make no sense", async (t) => {
      const { udp, running } = await setting(t, answerA("192.0.2.7", 300), cached);
      assert.equal((await udp("version.bind.", 16, { class: 3 })).rcode, 5);
      const twoQuestions = queryFor("a.", A);
      twoQuestions[5] = 2;
      assert.equal(decodeMessage(await askUdp({ port: running.port, wire: twoQuestions })).rcode, 1);
      const tcp = await TcpClient.connect(running.port);
      tcp.send(twoQuestions);
      assert.equal(((await tcp.next())[3] ?? 0) & 15, 1);
      tcp.destroy();
    });
  });
}

describe("server start", () => {
  it("says that a port is in use and leaves nothing open", async (t) => {
    const { running } = await start(t, answerA("192.0.2.7", 300), cached);
    await assert.rejects(
      runServer(". {\n whoami\n}\n", { server: { listen: [{ address: "127.0.0.1", port: running.port }] } }),
      (error) => error instanceof BindError && error.port === running.port,
    );
  });
});
