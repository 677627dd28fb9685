/** Replies that are longer than the packets of their route: whole where that is possible, in fragments from the first refusal on. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { missing } from "../support/machine.ts";
import { run } from "../support/nodens-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const REPLY_BYTES = 1200;

const PROGRAM = `
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { DatagramBatch } from "${ROOT}src/linux/datagram-batch.ts";
import { requireLibc } from "${ROOT}src/linux/libc.ts";
import { SendBatch } from "${ROOT}src/linux/send-batch.ts";
import { openListener } from "${ROOT}src/linux/udp-socket.ts";
const client = createSocket("udp4").bind(0, "127.0.0.1");
await once(client, "listening");
const got = [];
client.on("message", (message) => got.push(message.length));
const discovery = (fd) => {
  const value = new Uint8Array(4);
  requireLibc().getsockopt(fd, 0, 10, value, Uint8Array.of(4, 0, 0, 0));
  return value[0];
};
const batch = new DatagramBatch(true);
const sends = new SendBatch();
for (const [how, count, length] of [["short", 1, 500], ["lone", 1, ${REPLY_BYTES}], ["pair", 2, ${REPLY_BYTES}], ["several", 3, ${REPLY_BYTES}], ["sent", 2, ${REPLY_BYTES}]]) {
  const socket = openListener("127.0.0.1", 0);
  const before = discovery(socket.fd);
  for (let i = 0; i < count; i++) await new Promise((resolve) => client.send("query", socket.port, "127.0.0.1", resolve));
  const received = batch.receive(socket.fd, false);
  for (let i = 0; i < received; i++) {
    if (how === "sent") {
      sends.begin(socket.fd);
      sends.commit(length, batch.bytes.slice(batch.sockaddrAt(i), batch.sockaddrAt(i) + 28), undefined);
    } else batch.reply(i, length);
  }
  batch.flush(socket.fd);
  sends.flush();
  for (let i = 0; i < 200 && got.length < count; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  const unsent = batch.blockedSends + batch.refusedSends + sends.blockedSends + sends.refusedSends;
  console.log(how, before, discovery(socket.fd), got.join(), unsent);
  got.length = 0;
  socket.close();
}
client.close();
`;

/** Values of IP_MTU_DISCOVER. */
const NEVER_CUT = 2;
const CUT_WHERE_NEEDED = 1;

describe("replies longer than a packet", { skip: missing("linux", "namespaces", "ip") }, () => {
  it("arrive, and only a socket that met such a route lets them be cut", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "nodens-fragments-"));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "program.mjs"), PROGRAM);
    const script = `ip link set lo mtu 800 up && exec ${process.execPath} ${folder}/program.mjs`;
    const output = await run("unshare", ["--net", "bash", "-c", script], 20_000);
    const row = (how: string, after: number, lengths: readonly number[]): string =>
      `${how} ${NEVER_CUT} ${after} ${lengths.join()} 0`;
    assert.deepEqual(output.trim().split("\n"), [
      row("short", NEVER_CUT, [500]),
      row("lone", CUT_WHERE_NEEDED, [REPLY_BYTES]),
      row("pair", CUT_WHERE_NEEDED, [REPLY_BYTES, REPLY_BYTES]),
      row("several", CUT_WHERE_NEEDED, [REPLY_BYTES, REPLY_BYTES, REPLY_BYTES]),
      row("sent", CUT_WHERE_NEEDED, [REPLY_BYTES, REPLY_BYTES]),
    ]);
  });
});
