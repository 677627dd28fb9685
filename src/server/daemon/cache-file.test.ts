/** The cache file is written whole or not at all, and whatever stands in its place is one line in the log. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { StoreBench } from "../../../test/support/cached-answers.ts";
import { missing } from "../../../test/support/machine.ts";
import { positive } from "../../../test/support/responses.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { FakeClock } from "../../base/clock.ts";
import { MemoryLog } from "../../base/log.ts";
import { CacheFile } from "./cache-file.ts";

const SIGNATURE = "forward . 192.0.2.53";
const QUERY = testQuery("a.example.", "A");

interface Bench {
  readonly bench: StoreBench;
  readonly log: MemoryLog;
  readonly file: CacheFile;
}

describe("the cache file", () => {
  let folder = "";
  let path = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nodens-cache-file-"));
    path = join(folder, "cache");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A store on a clock that stands where every other test's stands, and its file. */
  function started(at: string = path, everyMs?: number): Bench {
    const bench = new StoreBench({}, new FakeClock());
    bench.store.configure(bench.store.partition(SIGNATURE), { success: 1000, denial: 1000, failure: 1000 });
    const log = new MemoryLog();
    const options = { path: at, store: bench.store, clock: bench.clock, log };
    return { bench, log, file: new CacheFile(everyMs === undefined ? options : { ...options, everyMs }) };
  }

  async function written(): Promise<Uint8Array> {
    const { bench, file } = started();
    bench.put(QUERY, positive(QUERY, 60), { ttlS: 60 });
    await file.write();
    return readFileSync(path);
  }

  function isWarm({ bench }: Bench): boolean {
    return bench.read(QUERY, bench.store.partition(SIGNATURE)) !== undefined;
  }

  /** Reads what stands at the path. @returns the one line that says why it is ignored */
  function complaint(at: string = path): string {
    const one = started(at);
    one.file.read();
    assert.equal(isWarm(one), false);
    assert.equal(one.log.lines.length, 1, one.log.lines.join("\n"));
    const [line = ""] = one.log.lines;
    assert.ok(line.startsWith(`[WARNING] cache file ${at} is ignored: `), line);
    return line.slice(`[WARNING] cache file ${at} is ignored: `.length);
  }

  it("makes the next start warm, and is nobody else's to read", async () => {
    await written();
    assert.deepEqual(readdirSync(folder), ["cache"]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const next = started();
    next.file.read();
    assert.ok(isWarm(next));
    assert.match(next.log.lines.join("\n"), /^\[INFO\] cache file \S+: 1 answers taken over in \d+ ms, 0 were too old/);
  });

  it("says nothing when there is none yet", () => {
    const { file, log } = started();
    file.read();
    assert.deepEqual(log.lines, []);
  });

  it("is written from time to time, and at the end what has come since", async () => {
    const { bench, file } = started(path, 5);
    file.begin();
    while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
    bench.put(QUERY, positive(QUERY, 60), { ttlS: 60 });
    const writing = file.write();
    const other = testQuery("b.example.", "A");
    bench.put(other, positive(other, 60), { ttlS: 60 }, bench.store.partition(SIGNATURE));
    await Promise.all([writing, file.close()]);
    const next = started();
    next.file.read();
    assert.ok(next.bench.read(other, next.bench.store.partition(SIGNATURE)) !== undefined);
    rmSync(path);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(readdirSync(folder), [], "nothing is written after the end");
  });

  it("is ignored when it was cut short or changed", async () => {
    const whole = await written();
    for (let i = 0; i < 20; i++) {
      writeFileSync(path, whole.subarray(0, Math.floor((whole.length * i) / 20)));
      assert.match(complaint(), /^it is (cut short|no cache file)$/);
    }
    for (let i = 0; i < 100; i++) {
      const changed = Uint8Array.from(whole);
      const at = Math.floor(Math.random() * changed.length);
      changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
      writeFileSync(path, changed);
      assert.match(complaint(), /^it (is (cut short|damaged|no cache file)|has version .*)$/);
    }
    const other = Uint8Array.from(whole);
    other[4] = 2;
    writeFileSync(path, other);
    assert.match(complaint(), /^it has version 2\.\d+, this program reads and writes 1\.\d+$/);
  });

  it("is ignored when it is something else than a file", () => {
    mkdirSync(path);
    assert.equal(complaint(), "it is no regular file");
  });

  it("is ignored when others may write to it", async () => {
    await written();
    chmodSync(path, 0o606);
    assert.equal(complaint(), "everybody may write to it");
  });

  it("is ignored when it belongs to somebody else", { skip: missing("root") }, async () => {
    await written();
    chownSync(path, 12_345, 12_345);
    assert.equal(complaint(), "it belongs to somebody else");
  });

  it("is ignored when it cannot be read", async () => {
    writeFileSync(path, "");
    assert.match(complaint(join(path, "below-a-file")), /ENOTDIR/);
  });

  it("is ignored when it is larger than the cache", async () => {
    writeFileSync(path, new Uint8Array(5 << 20));
    assert.match(complaint(), /larger than the cache/);
  });

  it("that cannot be written is one line, and leaves nothing behind", async () => {
    for (const [place, reason] of [
      [join(folder, "no", "such", "folder"), /ENOENT/],
      [folder, /no regular file/],
    ] as const) {
      const { file, log } = started(place);
      file.begin();
      for (let waits = 0; log.lines.length === 0 && waits < 2000; waits++)
        await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(log.lines.length, 1, "it is told at the start");
      await file.write();
      await file.write();
      await file.close();
      assert.equal(log.lines.length, 1, log.lines.join("\n"));
      assert.match(log.lines[0] ?? "", reason);
      assert.match(log.lines[0] ?? "", /^\[ERROR\] cache file \S+ cannot be written: /);
      assert.deepEqual(readdirSync(folder), []);
      assert.equal(existsSync(`${place}.tmp`), false);
    }
  });

  it("is not written in the place of another file, or of a device", async () => {
    writeFileSync(path, "precious");
    // The link would be replaced, not the device.
    const device = join(folder, "device");
    symlinkSync("/dev/null", device);
    for (const place of [path, device]) {
      const { file, log } = started(place);
      await file.write();
      await file.close();
      assert.match(
        log.lines.join("\n"),
        /^\[ERROR\] cache file \S+ cannot be written: what is there is no .*, and stays$/,
      );
    }
    assert.equal(readFileSync(path, "utf8"), "precious");
    assert.ok(statSync(device).isCharacterDevice());
    assert.deepEqual(readdirSync(folder), ["cache", "device"]);
    writeFileSync(path, "");
    await written();
  });

  it("is not written through a link that somebody has put beside it", async () => {
    const victim = join(folder, "victim");
    writeFileSync(victim, "precious");
    symlinkSync(victim, `${path}.tmp`);
    await written();
    assert.equal(readFileSync(victim, "utf8"), "precious");
    assert.ok(statSync(path).isFile());
  });

  it("stays as it was when the new one cannot be finished", async () => {
    const whole = await written();
    // A folder with something in it is in the way of the temporary file.
    mkdirSync(`${path}.tmp`);
    writeFileSync(join(`${path}.tmp`, "x"), "");
    const { bench, file, log } = started();
    bench.put(QUERY, positive(QUERY, 60), { ttlS: 60 });
    await file.write();
    assert.equal(log.lines.length, 1);
    assert.deepEqual(readFileSync(path), whole);
  });
});
