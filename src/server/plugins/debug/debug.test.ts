import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setUp } from "../../../../test/support/setup-context.ts";
import { debug } from "./debug.ts";

describe("debug", () => {
  it("turns debug lines on", () => {
    const { context, instance } = setUp(debug, ". {\ndebug\n}");
    assert.deepEqual(context.debugCalls, [true]);
    assert.equal(instance.handler, undefined);
  });

  it("may be repeated", () => assert.deepEqual(setUp(debug, ". {\ndebug\ndebug\n}").context.debugCalls, [true]));

  it("takes no arguments and no properties", () => {
    assert.throws(() => setUp(debug, ". {\ndebug all\n}"), {
      message: "Corefile:2:7: Wrong argument count: 'debug' does not take 'all'",
    });
    assert.throws(() => setUp(debug, ". {\ndebug {\nall\n}\n}"), { message: "Corefile:3:1: unknown property 'all'" });
  });
});
