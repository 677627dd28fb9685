/** A server whose keeper gives it what is of no use: it serves, cold, or says in one line why it cannot. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { closeFd, duplicateFd } from "../../src/linux/fd.ts";
import { createChannelPair } from "../../src/linux/packet-channel.ts";
import { createPipe } from "../../src/linux/pipe.ts";
import { createRegion } from "../../src/linux/shared-region.ts";
import { openTcpListener } from "../../src/linux/tcp-socket.ts";
import { openListener } from "../../src/linux/udp-socket.ts";
import { Channel } from "../../src/server/keeper/channel.ts";
import type { KeptDescriptor } from "../../src/server/keeper/descriptor-store.ts";
import { keptMessages } from "../../src/server/keeper/kept-messages.ts";
import { KEEPER_VERSION } from "../../src/server/keeper/messages.ts";
import { askTcp, askUdp, queryFor } from "../support/dns-client.ts";
import { withoutFfi } from "../support/ffi.ts";
import { freePort } from "../support/free-port.ts";

const BIN = fileURLToPath(new URL("../../bin/nodens.js", import.meta.url));
const PATIENCE_MS = 15_000;
const folder = mkdtempSync(join(tmpdir(), "nodens-odd-keeper-"));
after(() => rmSync(folder, { recursive: true }));

/** @param before server blocks that stand first */
function corefile(port: number, before: string): string {
  const path = join(folder, `Corefile-${port}`);
  writeFileSync(
    path,
    `${before}.:${port} {\n    bind 127.0.0.1\n    cache\n    hosts {\n        192.0.2.1 a.example.org\n    }\n}\n`,
  );
  return path;
}

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

/** A server that has `fd` as descriptor 3 and believes what its environment says. */
function start(t: TestContext, port: number, channelFd: string, fd?: number, before = "") {
  const child = spawn(process.execPath, [BIN, "serve", "-c", corefile(port, before)], {
    stdio: ["ignore", "pipe", "pipe", ...(fd === undefined ? [] : [fd])],
    env: { ...process.env, NODENS_KEEPER_FD: channelFd, NODENS_KEEPER_PID: String(process.pid) },
  });
  t.after(() => child.kill("SIGKILL"));
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (part) => (text += part));
  const ended = once(child, "close").then(([code]): Ended => ({ code: code as number | null, text }));
  return { child, ended, text: () => text };
}

/** A keeper that keeps such things. Resolves when its server serves. */
async function keep(
  t: TestContext,
  port: number,
  items: readonly KeptDescriptor[],
  { version = KEEPER_VERSION, before = "" } = {},
) {
  const [ours, theirs] = createChannelPair();
  const channel = new Channel(ours);
  t.after(() => channel.close());
  const server = start(t, port, "3", theirs, before);
  closeFd(theirs);
  for (const { message, fds } of keptMessages(4, "dead", items)) channel.send({ ...message, version }, fds);
  for (const { fd } of items) closeFd(fd);
  const messages: { op: unknown; plan?: unknown }[] = [];
  const isReady = (): boolean => messages.some(({ op }) => op === "ready");
  const endsAt = performance.now() + PATIENCE_MS;
  while (!isReady() && performance.now() < endsAt && server.child.exitCode === null) {
    const received = channel.receive(false);
    if (received === "closed") break;
    if (received === undefined) {
      await sleep(10);
      continue;
    }
    for (const fd of received.fds) closeFd(fd);
    messages.push(received.value as { op: unknown });
  }
  assert.ok(isReady(), server.text());
  return { ...server, messages };
}

async function servesBoth(port: number): Promise<void> {
  const wire = queryFor("a.example.org", 1);
  for (const message of [await askUdp({ port, wire, timeoutMs: 5000 }), await askTcp({ port, wire })]) {
    assert.equal(message.subarray(-4).join("."), "192.0.2.1");
  }
}

/** A connected TCP socket. */
async function connectedFd(t: TestContext): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  t.after(() => {
    socket.destroy();
    server.close();
  });
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  return duplicateFd(fd);
}

describe("a server with an odd keeper", { skip: withoutFfi }, () => {
  for (const fd of ["99", "abc", "-1", "1"]) {
    it(`ends with one line when its keeper is said to be at descriptor ${fd}`, async (t) => {
      const { code, text } = await start(t, await freePort(), fd).ended;
      assert.equal(code, 1, text);
      assert.match(text, /^nodens: [^\n]*keeper[^\n]*\n$/);
    });
  }

  it("opens its own sockets where those that were kept are none, others', or not listening", async (t) => {
    const port = await freePort();
    for (const make of [
      (): [number, number] => {
        const { readFd, writeFd } = createPipe();
        return [readFd, writeFd];
      },
      (): [number, number] => [openListener("127.0.0.1", 0).fd, openTcpListener("127.0.0.1", 0, 8)],
      // The right ports, of another address.
      (): [number, number] => [openListener("127.0.0.2", port).fd, openTcpListener("127.0.0.2", port, 8)],
      // Each in the place of the other.
      (): [number, number] => [openTcpListener("127.0.0.1", port, 8), openListener("127.0.0.1", port).fd],
      async (): Promise<[number, number]> => [openListener("127.0.0.1", 0).fd, await connectedFd(t)],
    ]) {
      const [udp, tcp] = await make();
      const server = await keep(t, port, [
        { name: `udp/127.0.0.1/${port}`, meta: { id: -3 }, fd: udp },
        { name: `tcp/127.0.0.1/${port}`, meta: {}, fd: tcp },
      ]);
      await servesBoth(port);
      server.child.kill("SIGTERM");
      assert.equal((await server.ended).code, 0, server.text());
    }
  });

  it("gives a kept socket the id that it had, also where new ones come first", async (t) => {
    const port = await freePort();
    const other = await freePort();
    const before = `.:${other} {\n    bind 127.0.0.1\n    whoami\n}\n`;
    const items = [{ name: `udp/127.0.0.1/${port}`, meta: { id: 1 }, fd: openListener("127.0.0.1", port).fd }];
    const server = await keep(t, port, items, { before });
    const { plan } = server.messages.find(({ op }) => op === "plan") ?? {};
    const { listeners } = plan as { listeners: readonly { id: number; socket: string }[] };
    const ids = Object.fromEntries(listeners.map(({ id, socket }) => [socket, id]));
    assert.deepEqual(ids, { [`udp/127.0.0.1/${port}`]: 1, [`udp/127.0.0.1/${other}`]: 2 });
    server.child.kill("SIGTERM");
    assert.equal((await server.ended).code, 0, server.text());
  });

  it("starts cold where the memory is cut short, of another version, or no memory", async (t) => {
    const port = await freePort();
    const short = createRegion("test-short", 4096);
    const other = createRegion("test-other", 1 << 20);
    new Int32Array(other.buffer).fill(0x4e444e41);
    const { readFd, writeFd } = createPipe();
    const file = join(folder, "file");
    writeFileSync(file, "no memory of ours");
    const fds = [short, other].map(({ handle }) => (handle.kind === "memfd" ? handle.fd : -1));
    const items = [...fds, readFd, writeFd, openSync(file, "r")].flatMap((fd, i) =>
      [`answers/${i}`, `left/3/pending/${i}`, i === 0 ? "ring/0/standby" : `x/${i}`, i === 1 ? "beats" : `y/${i}`].map(
        (name): KeptDescriptor => ({ name, meta: {}, fd: duplicateFd(fd) }),
      ),
    );
    const server = await keep(t, port, items);
    await servesBoth(port);
    server.child.kill("SIGTERM");
    const { code, text } = await server.ended;
    assert.equal(code, 0, text);
    assert.match(text, /no answers are taken over: the shared memory holds no answer store/);
  });

  it("takes nothing from a keeper of another version", async (t) => {
    const port = await freePort();
    const udp = openListener("127.0.0.1", 0).fd;
    const items = [{ name: `udp/127.0.0.1/${port}`, meta: {}, fd: udp }];
    const server = await keep(t, port, items, { version: KEEPER_VERSION + 1 });
    await servesBoth(port);
    server.child.kill("SIGTERM");
    assert.equal((await server.ended).code, 0, server.text());
  });
});
