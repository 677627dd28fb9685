/** `debug`: debug lines in the log, and a defect ends the process instead of being answered SERVFAIL. */
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import { expectArgs, expectNoProperties } from "../../corefile/arguments.ts";

export const debug: Plugin = {
  directive: "debug",
  repeatable: true,
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    for (const directive of directives) {
      expectArgs(directive, 0);
      expectNoProperties(directive);
    }
    context.enableDebug(true);
    return {};
  },
};
