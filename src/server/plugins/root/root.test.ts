import assert from "node:assert/strict";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { setUp } from "../../../../test/support/setup-context.ts";
import { root } from "./root.ts";

const here = import.meta.dirname;

describe("root", () => {
  it("sets the folder that relative paths start from", () => {
    const { context } = setUp(root, `. {\nroot ${here}\n}`);
    assert.equal(context.root, here);
    assert.deepEqual(context.log.lines, []);
  });

  it("takes a relative path from the working directory, and the last of several", () => {
    const { context } = setUp(root, `. {\nroot ${here}\nroot .\n}`);
    assert.equal(context.root, resolve("."));
  });

  it("warns of a folder that is not there, and uses it: it may come later", () => {
    const { context } = setUp(root, ". {\nroot /nonexistent/zones\n}");
    assert.equal(context.root, "/nonexistent/zones");
    assert.deepEqual(context.log.lines, ["[WARNING] plugin/root: Root path does not exist: /nonexistent/zones"]);
  });

  it("refuses a path that cannot be looked at", () => {
    assert.throws(() => setUp(root, `. {\nroot ${here}/root.ts/below\n}`), {
      message: /^Corefile:2:6: unable to access root path '.*\/root\.ts\/below': ENOTDIR/,
    });
  });

  it("takes exactly one path", () => {
    assert.throws(() => setUp(root, ". {\nroot\n}"), { message: /^Corefile:2:1: Wrong argument count/ });
    assert.throws(() => setUp(root, ". {\nroot a b\n}"), { message: /^Corefile:2:8: Wrong argument count/ });
  });
});
