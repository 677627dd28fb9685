import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import { libc } from "../../../linux/libc.ts";
import { askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { runServer } from "../../../../test/support/running-server.ts";
import { parseText, setUp } from "../../../../test/support/setup-context.ts";
import { MAX_THREADS, multisocket, socketsOf } from "./multisocket.ts";

const sockets = (...blocks: readonly string[]): number | undefined =>
  socketsOf(parseText(blocks.map((line, i) => `z${i} {\n${line}\n}`).join("\n")));

describe("multisocket", () => {
  it("gives the largest number of all blocks, bounded", () => {
    assert.equal(sockets("whoami"), undefined);
    assert.equal(sockets("multisocket 2"), 2);
    assert.equal(sockets("multisocket 2", "whoami", "multisocket 5", "multisocket 1"), 5);
    assert.equal(sockets("multisocket 1024"), MAX_THREADS);
    assert.equal(sockets("multisocket"), Math.min(MAX_THREADS, availableParallelism()));
  });

  for (const [line, message] of [
    ["multisocket text", "Corefile:2:13: invalid num sockets: 'text'"],
    ["multisocket 1.5", "Corefile:2:13: invalid num sockets: '1.5'"],
    ["multisocket 0", "Corefile:2:13: num sockets can not be zero or negative: 0"],
    ["multisocket -1", "Corefile:2:13: num sockets can not be zero or negative: -1"],
    ["multisocket 1025", "Corefile:2:13: num sockets exceeds maximum (1024): 1025"],
    ["multisocket 2 2", "Corefile:2:15: Wrong argument count: 'multisocket' does not take '2'"],
    ["multisocket 2 {\nblock\n}", "Corefile:3:1: unknown property 'block'"],
    ["multisocket\nmultisocket", /^Corefile:3:1: .*only be used once/],
  ] as const) {
    it(`refuses ${line.replaceAll("\n", " | ")}`, () => {
      assert.throws(() => setUp(multisocket, `. {\n${line}\n}`), { message });
    });
  }

  it("decides how many threads a server has, until it is started again", { skip: libc() === undefined }, async (t) => {
    const running = await runServer(". {\nmultisocket 2\nwhoami\n}");
    t.after(() => running.stop());
    assert.match(running.server.description, /\b2 (fast-path )?threads?\b/);
    await askUdp({ port: running.port, wire: queryFor("a.", 1) });
    running.configure(". {\nmultisocket 3\nwhoami\n}");
    assert.equal(await running.server.reload(), undefined);
    assert.ok(running.lines.some((line) => /^\[WARNING\] plugin\/multisocket: 3 sockets .* it has 2$/.test(line)));
  });
});
