/** Corefiles: read, written back, and every directive set up as far as it goes without a network. */
import { ConfigError, NodensError } from "../../src/base/errors.ts";
import { directiveStatus } from "../../src/server/chain/plugin-order.ts";
import type { Plugin } from "../../src/server/chain/plugin.ts";
import { parseCorefile, type ParseOptions } from "../../src/server/corefile/parse.ts";
import { printCorefile } from "../../src/server/corefile/print.ts";
import { serverKeys, type ServerKey } from "../../src/server/corefile/server-key.ts";
import type { Corefile, ServerBlock } from "../../src/server/corefile/tree.ts";
import { builtDirectives, loadPlugins } from "../../src/server/daemon/plugin-table.ts";
import { Metrics } from "../../src/server/metrics/metrics.ts";
import { fakeContext } from "../../test/support/setup-context.ts";
import { COREFILE_WORDS, COREFILES } from "../corpus/corefiles.ts";
import { bytesOf, mutateText, textOf } from "../mutate-text.ts";
import { check, type Target } from "../target.ts";

const OUTCOMES = ["refused", "read", "set up"] as const;
const MAX_BYTES = 64 * 1024;
/** An operator's own file may take its time. */
const SLOW_MS = 200;

const SOURCES: ParseOptions = {
  env: { HOST: "example.org", PORT: "53", UPSTREAMS: "192.0.2.1 192.0.2.2", X: "a b" },
  readFile: (path) => {
    if (path.endsWith("more.conf")) return "example.net {\n    whoami\n}\n";
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  },
  glob: () => ["/more.conf"],
  warn: () => {},
};
/** What a tree is printed to has no references left. */
const BARE: ParseOptions = { ...SOURCES, env: {}, directiveStatus: () => "built" };

export async function corefileTarget(): Promise<Target> {
  const plugins = await loadPlugins(builtDirectives);
  const options: ParseOptions = { ...SOURCES, directiveStatus: directiveStatus(builtDirectives) };
  return {
    name: "corefile",
    form: "text",
    corpus: COREFILES.map(bytesOf),
    maxBytes: MAX_BYTES,
    slowMs: SLOW_MS,
    outcomes: OUTCOMES,
    mutate: (input, random, inputs) => mutateText(input, random, inputs, COREFILE_WORDS),
    run: (input) => {
      const corefile = parsed(textOf(input), options);
      if (corefile === undefined) return OUTCOMES.indexOf("refused");
      checkPrinting(corefile);
      let set = 0;
      for (const block of corefile.blocks) set += setUpBlock(block, plugins);
      return (set > 0 ? OUTCOMES.indexOf("set up") : OUTCOMES.indexOf("read")) | (Math.min(set, 255) << 8);
    },
  };
}

/** @returns undefined when it is refused, at a place */
function parsed(text: string, options: ParseOptions): Corefile | undefined {
  try {
    return parseCorefile(text, "Corefile", options);
  } catch (error) {
    checkMistake(error);
    return undefined;
  }
}

function checkMistake(error: unknown): void {
  if (!(error instanceof ConfigError)) throw error;
  const { line, column } = error.position;
  check(line >= 1 && column >= 1, "a mistake has a place");
  check(!error.message.includes("undefined"), "a mistake is told in words");
}

function checkPrinting(corefile: Corefile): void {
  let text: string;
  try {
    text = printCorefile(corefile);
  } catch (error) {
    checkMistake(error);
    return;
  }
  const again = parseCorefile(text, "printed", BARE);
  check(again.hash === corefile.hash, "what is printed reads alike");
  check(printCorefile(again) === text, "what is printed twice is the same");
}

/** @returns how many directives could be set up */
function setUpBlock(block: ServerBlock, plugins: ReadonlyMap<string, Plugin>): number {
  let keys: ServerKey[];
  try {
    keys = block.keys.flatMap((key) => serverKeys(key, 53));
  } catch (error) {
    checkMistake(error);
    return 0;
  }
  const context = fakeContext({
    metrics: Metrics.create({ threads: 1 }),
    keys,
    zones: [...new Set(keys.map(({ zone }) => zone))],
  });
  let set = 0;
  for (const [name, directives] of Map.groupBy(block.directives, (directive) => directive.name.text)) {
    const plugin = plugins.get(name);
    if (plugin === undefined || (directives.length > 1 && plugin.repeatable !== true)) continue;
    try {
      plugin.setup(directives, context);
      set++;
    } catch (error) {
      // What is wrong with a file that a directive names has a code of its own.
      if (!(error instanceof NodensError)) throw error;
      if (error instanceof ConfigError) checkMistake(error);
    }
  }
  return set;
}
