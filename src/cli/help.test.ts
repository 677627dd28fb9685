import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeCommand } from "./node.ts";
import { serveCommand } from "./serve.ts";
import { topCommand } from "./top.ts";

describe("the help of a command", () => {
  const exit = (): void => {};
  for (const command of [serveCommand(exit), topCommand(exit), ...nodeCommand(exit).commands]) {
    it(`shows defaults as they are written: ${command.name()}`, () => {
      assert.doesNotMatch(command.helpInformation(), /default: \[/);
    });
  }
});
