import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { growthOf, renderResources, resourcesCsv, resourcesOf, type ResourceSample } from "./resources.ts";

const MIB = 1024 * 1024;

/** One every ten seconds; `pss` in MiB and descriptors of the server by the minute. */
function samples(
  minutes: number,
  pss: (minute: number) => number,
  descriptors: (minute: number) => number = () => 30,
): ResourceSample[] {
  return Array.from({ length: minutes * 6 }, (_, i): ResourceSample => {
    const minute = Math.floor(i / 6);
    return {
      atMs: i * 10_000,
      keeper: { pss: 20 * MIB, own: 14 * MIB, descriptors: 25 },
      server: { pss: pss(minute) * MIB, own: (pss(minute) - 10) * MIB, descriptors: descriptors(minute) },
    };
  });
}

describe("memory and descriptors over time", () => {
  it("are flat when only the first minute grows", () => {
    const growth = growthOf(samples(10, (minute) => (minute === 0 ? 40 : 70)));
    assert.deepEqual(growth, { bytes: 0, keeperDescriptors: 0, serverDescriptors: 0, isFlat: true });
  });

  it("are not when memory or descriptors go on growing", () => {
    assert.equal(growthOf(samples(10, (minute) => 70 + minute))?.isFlat, false);
    const leak = growthOf(
      samples(
        10,
        () => 70,
        (minute) => 30 + 20 * minute,
      ),
    );
    assert.deepEqual([leak?.serverDescriptors, leak?.isFlat], [160, false]);
  });

  it("say nothing of a short time", () => assert.equal(growthOf(samples(2, () => 70)), undefined));

  it("are told in words and as a table", () => {
    const some = samples(10, (minute) => 70 + minute);
    const text = renderResources(some).join("\n");
    assert.match(text, /^at +0 s: keeper 20\.0 MiB, 25 descriptors; server 70\.0 MiB, 30 .* together 90\.0 MiB$/m);
    assert.match(text, /^from the first minute on, pages of files left out: \+8\.0 MiB, .*: NOT FLAT$/m);
    assert.equal(
      resourcesCsv(some.slice(0, 1)).split("\n")[1],
      `0,${20 * MIB},${14 * MIB},25,${70 * MIB},${60 * MIB},30`,
    );
  });

  it("are those of a process that runs", { skip: process.platform !== "linux" }, () => {
    const own = resourcesOf(process.pid);
    assert.ok(own !== undefined && own.pss > MIB && own.descriptors > 3);
    assert.equal(resourcesOf(0x3fffffff), undefined);
  });
});
