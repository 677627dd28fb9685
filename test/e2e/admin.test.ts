/** The admin API stays where it is, whatever becomes of the server behind it. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { AdminSnapshot } from "../../src/server/daemon/admin-snapshot.ts";
import { getAdmin } from "../support/admin-client.ts";
import { missing } from "../support/machine.ts";
import { startNodens } from "../support/nodens-process.ts";

const corefile = (port: number): string => `.:${port} {\n    bind 127.0.0.1\n    whoami\n}\n`;

describe("the admin API", { skip: missing("linux") }, () => {
  it("is the next server's after a kill, and the next instance's after a hand-over", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "nodens-admin-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "admin.sock");
    const args = ["--admin", `unix:${path}`, "--handover", join(folder, "handover.sock")];

    /** Process of the server that answers, once it is another one than `before`. */
    async function serverAfter(before: number): Promise<number> {
      for (let i = 0; i < 300; i++) {
        const reply = await getAdmin({ kind: "unix", path }, "/v1/snapshot").catch(() => undefined);
        const pid = reply === undefined ? before : (JSON.parse(reply.body) as AdminSnapshot).pid;
        if (pid !== before) return pid;
        await sleep(50);
      }
      return assert.fail("nobody serves the admin API");
    }

    const first = await startNodens(corefile, args);
    t.after(() => first.end());
    const server = await serverAfter(0);
    process.kill(server, "SIGKILL");
    const next = await serverAfter(server);
    const second = await startNodens(() => corefile(first.port), args);
    t.after(() => second.end());
    assert.notEqual(await serverAfter(next), server);
    assert.equal(await second.end(), 0);
    assert.equal(existsSync(path), false);
  });
});
