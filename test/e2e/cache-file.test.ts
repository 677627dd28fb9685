/** A server that is stopped and started again is warm, also when nobody upstream is left to ask; a full disk does no harm. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { decodeMessage, type Message } from "../../src/dns/message.ts";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { missing } from "../support/machine.ts";
import { type NodensProcess, run, startNodens } from "../support/nodens-process.ts";
import { answerA, nxdomain, startUpstream } from "../support/scripted-upstream.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Writes a file that fits, then one that does not, and says what is left. */
const FILL_DISK = `
import { readdirSync, readFileSync } from "node:fs";
import { MemoryLog } from "${ROOT}src/base/log.ts";
import { CacheFile } from "${ROOT}src/server/daemon/cache-file.ts";
import { StoreBench } from "${ROOT}test/support/cached-answers.ts";
import { positive } from "${ROOT}test/support/responses.ts";
import { testQuery } from "${ROOT}test/support/setup-context.ts";
const folder = process.argv[2];
const bench = new StoreBench();
bench.store.configure(bench.store.partition("all"), { success: 1000, denial: 1000, failure: 1000 });
const log = new MemoryLog();
const file = new CacheFile({ path: folder + "/cache", store: bench.store, clock: bench.clock, log });
await file.write();
const before = readFileSync(folder + "/cache");
for (let i = 0; i < 500; i++) {
  const query = testQuery("n" + i + ".example.", "A");
  bench.put(query, positive(query, 60), { ttlS: 60 });
}
await file.write();
await file.close();
console.log(JSON.stringify({
  lines: log.lines,
  files: readdirSync(folder),
  same: before.equals(readFileSync(folder + "/cache")),
}));
`;

describe("--cache-file", () => {
  let folder = "";
  let file = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nodens-cache-file-"));
    file = join(folder, "answers");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A server whose configuration stands in the same place each time. */
  async function start(upstreamPort: number, ...args: readonly string[]): Promise<NodensProcess> {
    const corefile = join(folder, "Corefile");
    return startNodens(
      (port) => {
        const text = `.:${port} {\n bind 127.0.0.1\n cache\n forward . 127.0.0.1:${upstreamPort}\n}\n`;
        writeFileSync(corefile, text);
        return text;
      },
      ["--cache-file", file, ...args, "-c", corefile],
    );
  }

  async function ask({ port }: NodensProcess, name: string): Promise<Message> {
    return decodeMessage(await askUdp({ port, wire: queryFor(name, 1) }));
  }

  for (const alone of [false, true]) {
    it(`keeps answers over a restart${alone ? " without a keeper" : ""}`, async () => {
      const upstream = await startUpstream({
        script: (query) => (query.name.startsWith("gone") ? nxdomain(300, 300) : answerA("192.0.2.7", 300))(query),
      });
      const args = alone ? ["--no-keeper"] : [];
      const first = await start(upstream.port, ...args);
      try {
        await ask(first, "here.example.");
        assert.equal((await ask(first, "gone.example.")).rcode, 3);
      } finally {
        assert.equal(await first.end(), 0, first.output());
        await upstream.close();
      }
      assert.equal(statSync(file).mode & 0o777, 0o600);
      const second = await start(upstream.port, ...args);
      try {
        assert.match(second.output(), /cache file \S+: \d+ answers taken over/);
        const here = await ask(second, "here.example.");
        assert.deepEqual([here.rcode, here.answers.length], [0, 1]);
        const ttl = here.answers[0]?.ttl ?? 0;
        assert.ok(ttl > 200 && ttl < 301, `${ttl}`);
        assert.equal((await ask(second, "gone.example.")).rcode, 3);
      } finally {
        await second.end();
      }
    });
  }

  it("serves, and says why it starts cold, when the file is of no use", async () => {
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 300) });
    try {
      writeFileSync(file, "something else");
      const server = await start(upstream.port);
      try {
        assert.match(server.output(), /^\[WARNING\] cache file \S+ is ignored: it is no cache file$/m);
        assert.equal((await ask(server, "a.example.")).answers.length, 1);
      } finally {
        await server.end();
      }
      assert.equal(readFileSync(file, "latin1"), "something else", "it may be of use to somebody else");
    } finally {
      await upstream.close();
    }
  });

  it("ends in order where the file cannot be written", async () => {
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 300) });
    try {
      file = join(folder, "no", "such", "folder", "answers");
      const server = await start(upstream.port);
      await ask(server, "a.example.");
      assert.equal(await server.end(), 0);
      assert.match(server.output(), /^\[ERROR\] cache file \S+ cannot be written: ENOENT/m);
    } finally {
      await upstream.close();
    }
  });

  it("leaves the old file alone when the disk is full", { skip: missing("namespaces") }, async () => {
    const script = join(folder, "fill-disk.mjs");
    writeFileSync(script, FILL_DISK);
    const disk = join(folder, "disk");
    const commands = `mkdir ${disk} && mount -t tmpfs -o size=16k none ${disk} && exec ${process.execPath} ${script} ${disk}`;
    const output = await run("unshare", ["--mount", "sh", "-c", commands]);
    const { lines, files, same } = JSON.parse(output) as { lines: string[]; files: string[]; same: boolean };
    assert.deepEqual([files, same], [["cache"], true]);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /cannot be written: ENOSPC/);
    assert.equal(existsSync(join(disk, "cache")), false, "the disk was the child's alone");
  });
});
