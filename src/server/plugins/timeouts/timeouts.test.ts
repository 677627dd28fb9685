import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StreamTimeouts } from "../../chain/stream-settings.ts";
import { queryFor, TcpClient } from "../../../../test/support/dns-client.ts";
import { runServer } from "../../../../test/support/running-server.ts";
import { setUp } from "../../../../test/support/setup-context.ts";
import { timeouts } from "./timeouts.ts";

const read = (lines: string): StreamTimeouts => setUp(timeouts, `. {\ntimeouts {\n${lines}\n}\n}`).context.timeouts;

describe("timeouts", () => {
  for (const [lines, settings] of [
    ["read 30s", { readMs: 30_000 }],
    ["read 1m\nwrite 2m", { readMs: 60_000, writeMs: 120_000 }],
    ["idle 1h", { idleMs: 3_600_000 }],
    ["read 10\nwrite 20\nidle 60", { readMs: 10_000, writeMs: 20_000, idleMs: 60_000 }],
    ["read 1s\nidle 24h", { readMs: 1000, idleMs: 86_400_000 }],
    ["maxtcpqueries 128", { queries: 128 }],
    ["maxtcpqueries -1", { queries: Number.POSITIVE_INFINITY }],
    ["read 10s\nmaxtcpqueries 1", { readMs: 10_000, queries: 1 }],
  ] as const) {
    it(`reads ${lines.replaceAll("\n", " | ")}`, () => assert.deepEqual(read(lines), settings));
  }

  for (const [lines, message] of [
    ["read 10s\ngiraffe 30s", "Corefile:4:1: unknown option: 'giraffe'"],
    ["read 10s 20s", "Corefile:3:10: Wrong argument count: 'read' does not take '20s'"],
    ["read", "Corefile:3:1: Wrong argument count or unexpected line ending after 'read'"],
    ["write snake", /^Corefile:3:7: failed to parse duration 'snake'/],
    ["idle 0s", "Corefile:3:6: timeout provided '0s' needs to be between 1 second and 24 hours"],
    ["read 999ms", "Corefile:3:6: timeout provided '999ms' needs to be between 1 second and 24 hours"],
    ["read 48h", "Corefile:3:6: timeout provided '48h0m0s' needs to be between 1 second and 24 hours"],
    ["maxtcpqueries 0", "Corefile:3:15: maxtcpqueries provided '0' needs to be -1 (unlimited) or a positive integer"],
    ["maxtcpqueries -2", "Corefile:3:15: maxtcpqueries provided '-2' needs to be -1 (unlimited) or a positive integer"],
    ["maxtcpqueries snake", "Corefile:3:15: 'snake' is no whole number"],
  ] as const) {
    it(`refuses ${lines.replaceAll("\n", " | ")}`, () => assert.throws(() => read(lines), { message }));
  }

  it("wants at least one, and no words behind it", () => {
    const message = "Corefile:2:1: timeouts block with no timeouts specified";
    assert.throws(() => setUp(timeouts, ". {\ntimeouts\n}"), { message });
    assert.throws(() => setUp(timeouts, ". {\ntimeouts {\n}\n}"), { message });
    assert.throws(() => setUp(timeouts, ". {\ntimeouts 1s {\nread 1s\n}\n}"), {
      message: /^Corefile:2:10: Wrong argument/,
    });
  });

  it("holds for TCP connections of its server, and a reload changes it", async (t) => {
    const running = await runServer(". {\ntimeouts {\nmaxtcpqueries 2\n}\nwhoami\n}");
    t.after(() => running.stop());
    const wire = queryFor("a.example.", 1);
    const client = await TcpClient.connect(running.port);
    t.after(() => client.destroy());
    client.send(wire, wire, wire);
    await client.take(2);
    assert.equal(await client.ended(), "fin");
    assert.equal(client.waiting, 0);

    running.configure(". {\nwhoami\n}");
    assert.equal(await running.server.reload(), undefined);
    const later = await TcpClient.connect(running.port);
    t.after(() => later.destroy());
    later.send(wire, wire, wire);
    assert.equal((await later.take(3)).length, 3);
  });
});
