/**
 * The fast-path thread loads few modules: it starts quickly, holds little memory, and nothing slow can creep in.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { importsOf } from "./source-files.ts";

const ENTRY = "src/server/fastpath/fastpath.worker.ts";
/**
 * What the loop stands on, one decision a file: 8 of `dns` (judge a query, refuse it, cut an answer), 10 of `linux`, 4 of
 * `cache` (reading only), 10 of `fastpath`, 4 of `metrics` (counting only), 1 of `clients` (who asked, told), clock and errors.
 * A new one needs as good a reason.
 */
const MOST_MODULES = 43;
/** Each is part of every Node.js thread anyway, or next to nothing. */
const FOREIGN_MODULES = ["koffi", "node:module", "node:os", "node:util", "node:worker_threads"];

/** Files of ours that are loaded when `entry` is. */
function loadedBy(entry: string): string[] {
  const loaded = new Set([entry]);
  for (const path of loaded) {
    for (const each of importsOf(path)) if (each.ours && !each.typeOnly) loaded.add(each.to);
  }
  return [...loaded].sort();
}

describe("the fast-path thread", () => {
  it(`loads at most ${MOST_MODULES} modules`, () => {
    const modules = loadedBy(ENTRY);
    assert.ok(modules.length > 1, "the entry imports nothing: is the path right?");
    assert.ok(modules.length <= MOST_MODULES, `${modules.length}:\n  ${modules.join("\n  ")}`);
  });

  it("has no plugin, configuration or web server among them", () => {
    const strays = loadedBy(ENTRY).filter((path) => /^src\/server\/(plugins|corefile|web|stream|daemon)\//.test(path));
    assert.deepEqual(strays, []);
  });

  it("needs little of Node.js and no package but koffi", () => {
    const foreign = loadedBy(ENTRY).flatMap((path) => importsOf(path).filter((each) => !each.ours && !each.typeOnly));
    assert.deepEqual([...new Set(foreign.map(({ to }) => to))].sort(), FOREIGN_MODULES);
  });
});
