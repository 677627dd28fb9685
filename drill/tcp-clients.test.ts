import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { it, type TestContext } from "node:test";
import { FrameReader } from "../src/dns/frame.ts";
import { frame } from "../test/support/scripted-upstream.ts";
import { QUERY_BYTES } from "./questions.ts";
import { isExcused, TcpClients } from "./tcp-clients.ts";
import { TcpConnection } from "./tcp-connection.ts";
import { answerInPlace, RESPONSE_EXTRA_BYTES } from "./upstream-answer.ts";

function answerTo(query: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(query.length + RESPONSE_EXTRA_BYTES);
  bytes.set(query);
  return bytes.subarray(0, answerInPlace(bytes, 0, query.length, 60));
}

/** A server that does this with each query. @returns its port */
async function serve(t: TestContext, onQuery: (socket: Socket, query: Uint8Array) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const reader = new FrameReader();
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => reader.push(chunk, (query) => onQuery(socket, Uint8Array.from(query))));
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const reply = (socket: Socket, query: Uint8Array): void => void socket.write(frame(answerTo(query)));

for (const [fate, onQuery] of [
  ["answered", reply],
  ["wrong", (socket, query) => void socket.write(frame(answerTo(query).fill(9, QUERY_BYTES + 12)))],
  ["failure", (socket, query) => void socket.write(frame(answerTo(query).fill(0x82, 3, 4)))],
  ["cut", (socket) => void socket.end()],
  ["cut", (socket) => void socket.resetAndDestroy()],
] satisfies [string, (socket: Socket, query: Uint8Array) => void][]) {
  it(`tells that a question was ${fate}`, async (t) => {
    const connection = new TcpConnection(await serve(t, onQuery));
    t.after(() => connection.close());
    assert.equal(await connection.ask(3, 10_000), fate);
    assert.equal(connection.isOver, fate === "cut");
  });
}

it("tells silence from an end, and goes on with the next question", async (t) => {
  let queries = 0;
  const port = await serve(t, (socket, query) => {
    if (queries++ > 0) reply(socket, query);
  });
  const connection = new TcpConnection(port);
  t.after(() => connection.close());
  assert.deepEqual([await connection.ask(3, 100), connection.isOver], ["silent", false]);
  assert.equal(await connection.ask(3, 10_000), "answered");
});

it("tells that nobody listens", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  assert.equal(await new TcpConnection(port).ask(3, 10_000), "refused");
});

it("counts connections and questions by what came of them", async (t) => {
  let queries = 0;
  const port = await serve(t, (socket, query) => {
    if (++queries % 5 === 0) socket.resetAndDestroy();
    else reply(socket, query);
  });
  const clients = new TcpClients(port, 10);
  clients.start();
  while (queries < 40) await new Promise((resolve) => setTimeout(resolve, 10));
  await clients.finish();
  const { connections, answered, cut, failed, failures, kept } = clients.counts;
  assert.equal(connections, answered + cut + failed + failures);
  assert.deepEqual([cut, failures, kept.failed, kept.failures], [0, 0, 0, 0], "no harm was done that could excuse it");
  assert.equal(kept.questions, kept.answered + kept.unansweredAtEnd);
  assert.equal(answered + kept.answered, queries - Math.floor(queries / 5));
  assert.equal(failed + kept.unansweredAtEnd, Math.floor(queries / 5));
});

it("waits for the first answer over connections that end, and gives up when told to", async (t) => {
  let queries = 0;
  const port = await serve(t, (socket, query) => {
    if (++queries < 4) socket.resetAndDestroy();
    else if (queries === 4) reply(socket, query);
  });
  const clients = new TcpClients(port, 10);
  assert.ok(((await clients.firstAnswer(AbortSignal.timeout(60_000))) ?? 0) > 0);
  assert.equal(queries, 4);
  assert.equal(await clients.firstAnswer(AbortSignal.timeout(50)), undefined);
});

it("excuses only an end that a harm may have brought", () => {
  const at = (ms: number): { fromMs: number; toMs: number } => ({ fromMs: ms, toMs: ms });
  assert.ok(isExcused("cut", 100, 200, [at(50), at(150)]));
  assert.ok(isExcused("cut", 100, 200, [{ fromMs: 50, toMs: 120 }]), "a harm that takes its time");
  assert.ok(!isExcused("cut", 100, 200, [at(50), at(250)]));
  assert.ok(!isExcused("silent", 100, 200, [at(150)]));
  assert.ok(!isExcused("refused", 100, 200, [at(150)]));
});
