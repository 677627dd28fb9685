/** The README says what this build has. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { builtDirectives } from "../../src/server/daemon/plugin-table.ts";
import { readText } from "./source-files.ts";

describe("README", () => {
  it("lists the plugins of this build, each with its page", () => {
    const entry = (name: string): string => `[${name}](src/server/plugins/${name}/README.md)`;
    const list = [...builtDirectives].toSorted().map(entry).join(", ");
    const found = readText("README.md")
      .replaceAll("\n", " ")
      .match(/\[\w+\]\(src\/server\/plugins\/\w+\/README\.md\)/g);
    assert.equal(found?.join(", "), list, `the list should be:\n${list}`);
  });

  it("names the commands of the first minute as package.json has them", () => {
    const { scripts } = JSON.parse(readText("package.json")) as { scripts: Record<string, string> };
    for (const name of ["start", "test"]) {
      assert.match(readText("README.md"), new RegExp(`^    npm ${name}$`, "m"));
      assert.ok(scripts[name] !== undefined);
    }
  });
});
