/** `docs/differences.md` has what the pages of the plugins say, and says of switches what there is. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import { filesMatching, readText } from "./source-files.ts";

const PAGE = "docs/differences.md";
const rows = readText(PAGE)
  .split("\n")
  .filter((line) => line.startsWith("| "));

/** Points of the section "Differences from CoreDNS". */
function pointsOf(page: string): number {
  const section = /^## Differences from CoreDNS\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(readText(page))?.[1] ?? "";
  return [...section.matchAll(/^- /gm)].length;
}

describe("the page of differences", () => {
  for (const page of filesMatching("src/server/plugins/*/README.md")) {
    const directive = dirname(page).split("/").at(-1) ?? "";
    it(`has a row for each point of ${directive}`, () => {
      const own = rows.filter((row) => row.startsWith(`| [${directive}](`));
      assert.ok(
        own.length >= pointsOf(page),
        `${page} names ${pointsOf(page)} differences, ${PAGE} has ${own.length} of them`,
      );
    });
  }

  it("has six cells in each row of the table", () => {
    const table = rows.slice(rows.findIndex((row) => row.startsWith("| Where |")));
    assert.ok(table.length > 100);
    const uneven = table.filter((row) => row.split(/(?<!\\)\|/).length !== 8);
    assert.deepEqual(uneven, []);
  });
});
