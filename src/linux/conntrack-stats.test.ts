import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseConntrackStats } from "./conntrack-stats.ts";

/** As Linux 6.18 writes it. */
const NEW = `entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
0000012c  00000003 00000000 00000000 0000000a 00000000 00000000 00000000 00000000 00000010 00000001 00000000 00000000  00000000 00000000 00000000 00000000
0000012c  00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000002 00000000  00000000 00000000 00000000 00000000
`;
/** As Linux 4.19 does. */
const OLD = `entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00000007  000000ff 00000000 00000000 00000001 00000000 00000000 00000000 00000000 00000002 00000000 00000000 00000000  00000000 00000000 00000000 00000000
`;

describe("conntrack's counters", () => {
  it("are those of all processors", () => {
    assert.deepEqual(parseConntrackStats(NEW, "262144\n"), {
      entries: 300,
      limit: 262_144,
      insertFailed: 17,
      drop: 1,
      earlyDrop: 2,
      clashResolve: 4,
      invalid: 10,
    });
  });

  it("of an old kernel are not mistaken for those of a new one", () => {
    const stats = parseConntrackStats(OLD, "");
    assert.deepEqual([stats?.entries, stats?.clashResolve, stats?.insertFailed, stats?.limit], [7, 0, 2, 0]);
  });

  it("are none of another file, or of one cut short", () => {
    for (const text of ["", "\n", "something else\n1 2\n", NEW.split("\n")[0] ?? "", `${NEW.split("\n")[0]}\n0000\n`]) {
      assert.equal(parseConntrackStats(text, "1"), undefined);
    }
  });
});
