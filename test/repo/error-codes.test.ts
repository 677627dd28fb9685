/** Every error code that a person may meet is explained in `docs/errors.md`, and none is explained that is gone. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SOURCES, isTest, readText } from "./source-files.ts";

const CODE_IN_SOURCE = /\bcode(?::\s*string)?\s*[=:]\s*"(NODENS_[A-Z0-9_]+)"/g;
const CODE_IN_DOCS = /^### (NODENS_[A-Z0-9_]+)$/gm;

const used = new Set(
  SOURCES.filter((path) => !isTest(path)).flatMap((path) =>
    [...readText(path).matchAll(CODE_IN_SOURCE)].map((match) => match[1] ?? ""),
  ),
);
const documented = [...readText("docs/errors.md").matchAll(CODE_IN_DOCS)].map((match) => match[1] ?? "");

describe("error codes", () => {
  it("has codes to look at", () => assert.ok(used.has("NODENS_CONFIG")));

  it("explains every code that the sources use", () => {
    assert.deepEqual([...used].filter((code) => !documented.includes(code)).sort(), []);
  });

  it("explains no code that the sources do not use", () => {
    assert.deepEqual(
      documented.filter((code) => !used.has(code)),
      [],
    );
  });

  it("keeps the codes in order, each once, each with what it means and what to do", () => {
    assert.deepEqual(documented, [...new Set(documented)].sort());
    const sections = readText("docs/errors.md").split(/^### /m).slice(1);
    for (const section of sections) {
      const code = section.split("\n", 1)[0];
      assert.match(section, /^What it means: \S/m, code);
      assert.match(section, /^What to do: \S/m, code);
    }
  });
});
