import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
// @ts-expect-error: plain JavaScript for old runtimes, without declarations
import * as untyped from "./install-lock.js";

const { STALE_MS, acquireInstallLock } = untyped as {
  STALE_MS: number;
  acquireInstallLock: (lock: string, onWait: (pid: number) => void) => Promise<() => void>;
};

describe("install lock", () => {
  let folder = "";
  let lock = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nodens-lock-"));
    lock = join(folder, "lock");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const nobodyWaits = (pid: number): never => assert.fail(`waits for ${pid}`);

  /** A lock as another process would leave it. */
  function leave(pid: number, untouchedMs = 0): void {
    mkdirSync(lock);
    writeFileSync(join(lock, "pid"), String(pid));
    const then = (Date.now() - untouchedMs) / 1000;
    utimesSync(lock, then, then);
  }

  it("holds the process's id while it is held, and is gone afterwards", async () => {
    const release = await acquireInstallLock(lock, nobodyWaits);
    assert.equal(readFileSync(join(lock, "pid"), "utf8"), String(process.pid));
    release();
    assert.equal(existsSync(lock), false);
  });

  it("makes the second wait until the first is done, and tells who has it", async () => {
    const release = await acquireInstallLock(lock, nobodyWaits);
    const waitedFor: number[] = [];
    const second = acquireInstallLock(lock, (pid) => waitedFor.push(pid));
    assert.deepEqual(waitedFor, [process.pid]);
    release();
    (await second)();
    assert.deepEqual(waitedFor, [process.pid]);
  });

  it("takes a lock whose owner is gone", async () => {
    const gone = spawnSync(process.execPath, ["-e", "0"]);
    leave(gone.pid);
    (await acquireInstallLock(lock, nobodyWaits))();
  });

  it("takes a lock that a living process has not touched for long: its number may be another's by now", async () => {
    leave(process.ppid, STALE_MS + 1000);
    (await acquireInstallLock(lock, nobodyWaits))();
  });

  it("lets one of many in at a time", async () => {
    let inside = 0;
    let most = 0;
    leave(2 ** 30); // no such process: all of them find a lock to break
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        const release = await acquireInstallLock(lock, () => undefined);
        most = Math.max(most, ++inside);
        await Promise.resolve();
        inside--;
        release();
      }),
    );
    assert.equal(most, 1);
  });
});
