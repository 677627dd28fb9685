import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { UsageError } from "../src/base/errors.ts";
import { EXPLANATIONS } from "./explained.ts";
import { parseOptions, PEER_NAMES } from "./options.ts";

const page = readFileSync(new URL("../docs/differences.md", import.meta.url), "utf8");
const headings = new Set([...page.matchAll(/^### (.+)$/gm)].map((match) => match[1]));

describe("explained differences", () => {
  it("each name a heading of docs/differences.md", () => {
    assert.deepEqual(
      EXPLANATIONS.map(({ heading }) => heading).filter((heading) => !headings.has(heading)),
      [],
    );
  });

  it("leave no heading about other servers without one", () => {
    const section = page.slice(page.indexOf("## Beside Unbound and dnsdist"));
    const named = [...section.matchAll(/^### (.+)$/gm)].map((match) => match[1]);
    assert.ok(named.length > 5);
    assert.deepEqual(
      named.filter((heading) => !EXPLANATIONS.some((entry) => entry.heading === heading)),
      [],
    );
  });
});

describe("the command line of the differential check", () => {
  it("needs a peer and has defaults for the rest", () => {
    assert.deepEqual(parseOptions(["--peer", "dnsdist"]), { peer: "dnsdist", queries: 10_000, seed: 1, show: 3 });
    assert.deepEqual(parseOptions(["--peer=unbound", "--queries=5", "--seed=0", "--show=0"]), {
      peer: "unbound",
      queries: 5,
      seed: 0,
      show: 0,
    });
  });

  it("refuses what it does not know", () => {
    for (const argv of [[], ["--peer", "bind"], ["--peer", PEER_NAMES[0], "--queries", "0"], ["--nope"], ["x"]]) {
      assert.throws(() => parseOptions(argv), UsageError, argv.join(" "));
    }
  });
});
