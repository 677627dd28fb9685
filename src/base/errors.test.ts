import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError, describeError, UsageError } from "./errors.ts";

const POSITION = { file: "Corefile", line: 1, column: 2 };

describe("an error as a line for a person", () => {
  it("is its message and its hint", () => {
    assert.equal(describeError(new ConfigError(POSITION, "wrong")), "Corefile:1:2: wrong");
    assert.equal(describeError(new UsageError("wrong", { hint: "Say right" })), "wrong. Say right");
    assert.equal(describeError("no error"), "no error");
  });

  it("is one line, whatever words of a file it holds", () => {
    assert.equal(
      describeError(new ConfigError(POSITION, 'unknown property "a\r\nb"')),
      String.raw`Corefile:1:2: unknown property "a\r\nb"`,
    );
  });

  it("has an end", () => {
    const line = describeError(new ConfigError(POSITION, "x".repeat(60_000_000), { hint: "Look at it" }));
    assert.ok(line.length < 2100);
    assert.match(line, /^Corefile:1:2: x+…\. Look at it$/);
  });
});
