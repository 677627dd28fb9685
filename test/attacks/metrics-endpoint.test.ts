/**
 * Attacks on the metrics endpoint (CVE-2026-33257, CVE-2026-33260 and CVE-2026-40011 of dnsdist, CVE-2026-33256 and
 * CVE-2026-42005 of PowerDNS Recursor): bodies without end, headers without end, and names that break out of labels or
 * make a series each. The defence: bodies are not read, headers bounded, and no name of a query is a label.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { nameFromText } from "../../src/dns/name-text.ts";
import { buildQuery } from "../../src/dns/query-builder.ts";
import { parseExposition } from "../support/exposition.ts";
import { freePort } from "../support/free-port.ts";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { type PluginServer, pluginServer } from "../support/plugin-server.ts";
import { answerA } from "../support/scripted-upstream.ts";

/** Bytes that an attacker gives up at. */
const MOST = 64 << 20;
/** Bytes that an attacker holds himself. */
const HELD_MAX = 1 << 20;

interface Watched extends PluginServer {
  readonly http: number;
}

async function watched(t: TestContext): Promise<Watched> {
  const http = await freePort();
  const corefile = `. {\n cache\n prometheus 127.0.0.1:${http}\n forward . 127.0.0.1:PORT\n}`;
  return { ...(await pluginServer(t, answerA("192.0.2.1", 60), corefile)), http };
}

function open(t: TestContext, port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return socket;
}

/**
 * Writes until the server has had enough.
 *
 * @returns what it said (nothing when its reset overtook that), and how many bytes it took at most
 */
async function pour(
  socket: Socket,
  head: string,
  piece: string,
  most: number,
): Promise<{ text: string; bytes: number }> {
  let text = "";
  let bytes = 0;
  socket.on("data", (chunk) => (text += String(chunk)));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await once(socket, "connect");
  socket.write(head);
  while (!socket.closed && bytes < most) {
    if (socket.writableLength < HELD_MAX) {
      socket.write(piece);
      bytes += piece.length;
    }
    await sleep(1);
  }
  socket.destroy();
  await closed;
  return { text, bytes };
}

async function scrape(http: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${http}/metrics`);
  assert.equal(response.status, 200);
  return await response.text();
}

describe("the metrics endpoint", () => {
  it("reads no body, however long", async (t) => {
    const { http } = await watched(t);
    for (const method of ["POST", "GET", "PUT"]) {
      const head = `${method} /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const { text, bytes } = await pour(open(t, http), head, `10000\r\n${"b".repeat(0x10000)}\r\n`, MOST);
      assert.match(text, /^(HTTP\/1\.1 (405|413) |$)/);
      assert.ok(bytes < MOST, `it took ${bytes} bytes`);
    }
    assert.match(await scrape(http), /nodens_build_info/);
  });

  it("bounds headers, in one line and in many", async (t) => {
    const { http } = await watched(t);
    const long = await pour(open(t, http), "GET /metrics HTTP/1.1\r\nHost: ", "a".repeat(4096), MOST);
    assert.match(long.text, /^(HTTP\/1\.1 431 |$)/);
    const many = await pour(open(t, http), "GET /metrics HTTP/1.1\r\nHost: a\r\n", "X-A: b\r\n".repeat(100), MOST);
    assert.match(many.text, /^(HTTP\/1\.1 431 |$)/);
    assert.ok(long.bytes < 1 << 20 && many.bytes < 1 << 20);
    assert.match(await scrape(http), /nodens_build_info/);
  });

  it("refuses requests that two readers would take for different ones", async (t) => {
    const { http } = await watched(t);
    for (const request of [
      "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
      "GET /metrics HTTP/1.1\nHost: a\nContent-Length : 5\n\nabcde",
      "GET /metrics\u0000 HTTP/1.1\r\nHost: a\r\n\r\n",
      "\u0016\u0003\u0001\u0002\u0000\u0001\u0000",
    ]) {
      const socket = open(t, http);
      let text = "";
      socket.on("data", (chunk) => (text += String(chunk)));
      socket.end(request, "latin1");
      await once(socket, "close");
      assert.match(text, /^HTTP\/1\.1 4\d\d /, JSON.stringify(request));
    }
  });

  it("serves DNS and scrapes while clients hold all its connections", async (t) => {
    const { http, ask } = await watched(t);
    const held = Array.from({ length: 200 }, () => open(t, http));
    for (const socket of held) socket.write("GET /metrics HTTP/1.1\r\nHost: a\r\nX-");
    assert.equal((await ask("www.example.", 1)).answers.length, 1);
    for (const socket of held) socket.destroy();
    for (let i = 0; ; i++) {
      try {
        assert.match(await scrape(http), /nodens_build_info/);
        break;
      } catch (error) {
        // The server has not seen yet that they are gone.
        if (i === 100) throw error;
        await sleep(20);
      }
    }
  });

  it("has no series and no word for what clients ask", async (t) => {
    const { http, running } = await watched(t);
    const ask = async (round: number): Promise<void> => {
      const hostile = ['a"} 1\nevil{x="', 'a\\\\\\"b', "\\010\\013evil_total 1", "{}", "\\255\\000", "# HELP evil"];
      for (const [i, label] of hostile.entries()) {
        const text = label.replaceAll(/[^\w\\]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, "0")}`);
        const name = nameFromText(`${text}.r${round}.example.`);
        await askUdp({ port: running.port, wire: buildQuery(name, 1, 1, { id: i }) });
      }
      for (let i = 0; i < 200; i++) {
        const type = round === 0 ? 256 + i : 40_000 + i;
        await askUdp({ port: running.port, wire: queryFor(`n${i}.r${round}.example.`, type) });
      }
    };
    const seriesOf = async (): Promise<Set<string>> => {
      // Those of the process (collections of garbage, for one) appear when they please.
      const all = [...parseExposition(await scrape(http)).values()];
      const families = all.filter(({ name }) => /^(coredns|nodens)_/.test(name));
      return new Set(
        families.flatMap(({ samples }) => samples.map((sample) => `${sample.name} ${JSON.stringify(sample.labels)}`)),
      );
    };
    await ask(0);
    const before = await seriesOf();
    await ask(1);
    assert.deepEqual([...(await seriesOf()).difference(before)], [], "other names and types make other series");
    const text = await scrape(http);
    for (const word of ["evil", "example", "TYPE4", "r1"]) assert.equal(text.includes(word), false, word);
  });
});
