import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { MemoryLog } from "../../../base/log.ts";
import { WeightFile } from "./weight-file.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "nodens-weights-"));
});
after(() => rmSync(folder, { recursive: true }));

describe("a weight file", () => {
  it("is read at the start, and again when its text is another", (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const path = join(folder, "changing");
    writeFileSync(path, "a\n192.0.2.1 10\n");
    const log = new MemoryLog();
    const file = new WeightFile(path, 1000, log);
    assert.equal(file.start(), undefined);
    assert.equal(file.weights.get("a.")?.get("192.0.2.1"), 10);
    t.mock.timers.tick(1000);
    assert.deepEqual(log.lines, [`[INFO] Successfully reloaded weight file ${path}`]);
    writeFileSync(path, "a\n192.0.2.1 20\n");
    t.mock.timers.tick(1000);
    assert.equal(file.weights.get("a.")?.get("192.0.2.1"), 20);
    assert.equal(log.lines.length, 2);
    file.stop();
    writeFileSync(path, "a\n192.0.2.1 30\n");
    t.mock.timers.tick(5000);
    assert.equal(file.weights.get("a.")?.get("192.0.2.1"), 20);
  });

  it("keeps its weights when the text becomes wrong or the file goes away, and tells", (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const path = join(folder, "failing");
    writeFileSync(path, "a\n192.0.2.1 10\n");
    const log = new MemoryLog();
    const file = new WeightFile(path, 1000, log);
    file.start();
    writeFileSync(path, "a\n192.0.2.1 0\n");
    t.mock.timers.tick(2000);
    assert.deepEqual(log.lines.slice(1), [`[ERROR] wrong weight value:"0" in weight file ${path}`]);
    rmSync(path);
    t.mock.timers.tick(1000);
    assert.deepEqual(log.lines.slice(2), ["[ERROR] weight file open error"]);
    assert.equal(file.weights.get("a.")?.get("192.0.2.1"), 10);
    file.stop();
  });

  it("may come later, unless it is read once", (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const path = join(folder, "late");
    const log = new MemoryLog();
    assert.equal(new WeightFile(path, 0, log).start(), "weight file open error");
    const file = new WeightFile(path, 30_000, log);
    assert.equal(file.start(), undefined);
    assert.deepEqual(log.lines, ["[WARNING] Failed to open weight file:weight file open error. Will try again in 30s"]);
    writeFileSync(path, "a\n192.0.2.1 10\n");
    t.mock.timers.tick(30_000);
    assert.equal(file.weights.size, 1);
    file.stop();
  });

  it("that is wrong at the start is not used", () => {
    const path = join(folder, "wrong");
    writeFileSync(path, "192.0.2.1 10\n");
    assert.equal(new WeightFile(path, 1000, new MemoryLog()).start(), `missing domain name in weight file ${path}`);
  });
});
