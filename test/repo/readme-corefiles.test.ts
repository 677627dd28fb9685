/** Every Corefile that a page under `src/server` shows loads: each plugin of it can be set up. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { FakeClock } from "../../src/base/clock.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { directiveStatus } from "../../src/server/chain/plugin-order.ts";
import { parseCorefile } from "../../src/server/corefile/parse.ts";
import { serverKeys } from "../../src/server/corefile/server-key.ts";
import { builtDirectives, loadPlugins } from "../../src/server/daemon/plugin-table.ts";
import { Metrics } from "../../src/server/metrics/metrics.ts";
import { selfSigned } from "../support/certificate.ts";
import { fakeContext } from "../support/setup-context.ts";
import { filesMatching, readText } from "./source-files.ts";

const SECTIONS = ["Name", "Description", "Syntax", "Metrics", "Examples", "Differences from CoreDNS", "Bugs"];
const pages = filesMatching("src/server/**/README.md");

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "nodens-readme-"));
  // What examples of TLS name.
  const { cert, key } = selfSigned(["dns.example.org"]);
  for (const name of ["cert.pem", "ca.pem"]) writeFileSync(join(folder, name), cert);
  writeFileSync(join(folder, "key.pem"), key);
});
after(() => rmSync(folder, { recursive: true }));

function corefilesOf(page: string): string[] {
  return [...readText(page).matchAll(/^```corefile\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");
}

const plugins = await loadPlugins(builtDirectives);

function load(page: string, text: string): void {
  const corefile = parseCorefile(text, page, {
    env: {},
    readFile: (path) => assert.fail(`${page} imports ${path}`),
    glob: () => [],
    warn: (message) => assert.fail(message),
    directiveStatus: directiveStatus(builtDirectives),
  });
  assert.ok(corefile.blocks.length > 0);
  for (const block of corefile.blocks) {
    const keys = block.keys.flatMap((key) => serverKeys(key, 53));
    const context = fakeContext({
      log: new MemoryLog(),
      clock: new FakeClock(),
      metrics: Metrics.create({ threads: 1 }),
      keys,
      zones: [...new Set(keys.map((key) => key.zone))],
      root: folder,
    });
    for (const [name, directives] of Map.groupBy(block.directives, (directive) => directive.name.text)) {
      const plugin = plugins.get(name) ?? assert.fail(`no plugin ${name}`);
      assert.ok(directives.length === 1 || plugin.repeatable === true, `${name} is repeated`);
      plugin.setup(directives, context);
    }
  }
}

describe("pages of plugins", () => {
  for (const page of pages) {
    for (const [i, text] of corefilesOf(page).entries()) {
      it(`load in ${page}, Corefile ${i + 1}`, () => load(page, text));
    }
  }

  it("stand beside every plugin, with the same sections and an example", () => {
    for (const directive of builtDirectives) {
      const page = `src/server/plugins/${directive}/README.md`;
      assert.ok(pages.includes(page), `${page} is missing`);
      const headings = [...readText(page).matchAll(/^## (.+)$/gm)].map((match) => match[1]);
      assert.deepEqual(
        headings.filter((heading) => heading !== undefined && SECTIONS.includes(heading)),
        SECTIONS,
        page,
      );
      assert.match(readText(page), new RegExp(`^# ${directive}\n`), page);
      assert.ok(corefilesOf(page).length > 0, `${page} shows no Corefile`);
    }
  });
});
