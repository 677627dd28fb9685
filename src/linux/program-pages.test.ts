import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { withoutFfi } from "../../test/support/ffi.ts";
import { releaseProgramPages } from "./program-pages.ts";

/** Pages of files in this process, in MiB (man 5 proc_pid_status). */
function filePagesMib(): number {
  const kib = /^RssFile:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(kib) / 1024;
}

describe("pages of the program", { skip: withoutFfi }, () => {
  it("are let go of, and come back where they are needed", () => {
    for (let round = 0; round < 3; round++) {
      const before = filePagesMib();
      releaseProgramPages();
      const after = filePagesMib();
      if (round === 0) assert.ok(after < before / 2, `${before} to ${after} MiB`);
      // Code of all kinds, some of it not used before.
      assert.equal(new Intl.NumberFormat("de-DE").format(1234.5 + round), `${["1.234", "1.235", "1.236"][round]},5`);
      assert.deepEqual(JSON.parse(JSON.stringify({ round, list: /(\d+)/.exec("a12b") })), {
        round,
        list: ["12", "12"],
      });
    }
  });
});
