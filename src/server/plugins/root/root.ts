/** `root`: the folder that relative paths of the server block's other plugins start from. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError, describeError } from "../../../base/errors.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import { expectArg, expectNoProperties } from "../../corefile/arguments.ts";

export const root: Plugin = {
  directive: "root",
  repeatable: true,
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    for (const directive of directives) {
      const path = expectArg(directive);
      expectNoProperties(directive);
      context.root = resolve(path.text);
      try {
        statSync(context.root);
      } catch (error) {
        // The folder may appear later, so that it is missing is no mistake; that it cannot be looked at is one.
        if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) {
          const fact = `unable to access root path '${path.text}': ${describeError(error)}`;
          throw new ConfigError(path.position, fact, { cause: error });
        }
        context.log.plugin("root").warning(`Root path does not exist: ${path.text}`);
      }
    }
    return {};
  },
};
