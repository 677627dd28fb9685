/** Corefiles in the shapes that CoreDNS's pages show: each works or is refused as told, and answers as told. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ConfigError } from "../../src/base/errors.ts";
import { decodeMessage } from "../../src/dns/message.ts";
import { CLASS_CH, CLASS_IN, rcodeName, typeNumber } from "../../src/dns/types.ts";
import { AnswerStore } from "../../src/server/cache/answer-store.ts";
import { directiveStatus } from "../../src/server/chain/plugin-order.ts";
import { systemSources } from "../../src/server/corefile/load.ts";
import { parseCorefile } from "../../src/server/corefile/parse.ts";
import { setUpBlock } from "../../src/server/daemon/block.ts";
import { planListeners } from "../../src/server/daemon/listener-plan.ts";
import { builtDirectives, loadPlugins } from "../../src/server/daemon/plugin-table.ts";
import { Metrics } from "../../src/server/metrics/metrics.ts";
import { selfSigned } from "../support/certificate.ts";
import { askTcp, askUdp, queryFor } from "../support/dns-client.ts";
import { linesOf } from "../support/plugin-server.ts";
import { runServer } from "../support/running-server.ts";
import {
  answerA,
  nxdomain,
  respond,
  type ScriptedUpstream,
  servfail,
  startUpstream,
} from "../support/scripted-upstream.ts";
import { fakeContext } from "../support/setup-context.ts";
import { corefileCases, type CorefileCase, type CorefileQuestion } from "./corefile-cases.ts";

const FILES: Readonly<Record<string, string>> = {
  "resolv.conf": "nameserver 192.0.2.53\nsearch first.example second.example\n",
  "example.hosts": "10.0.0.7 host.example.org host.example.com\n",
  weights: "www.example.com\n192.0.2.1 3\n192.0.2.2 1\n",
  "cluster.yaml": `
{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: prod }, spec: { clusterIP: 10.96.0.1 } }
---
{ apiVersion: v1, kind: Service, metadata: { name: db, namespace: test, labels: { app: db } }, spec: { clusterIP: 10.96.0.2 } }
`,
  snippet: "errors\ncache 30\n",
};

const plugins = await loadPlugins(builtDirectives);
const cases = corefileCases();
let folder = "";
let upstream: ScriptedUpstream;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "nodens-corefiles-"));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  const { cert, key } = selfSigned(["dns.example.org"]);
  for (const name of ["cert.pem", "ca.pem"]) writeFileSync(join(folder, name), cert);
  writeFileSync(join(folder, "key.pem"), key);
  const address = answerA("192.0.2.1", 60);
  const three = [1, 2, 3].map((i) => ({ type: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, i) }));
  upstream = await startUpstream({
    script: (query) => {
      switch (query.name.split(".", 1)[0]) {
        case "nx":
          return nxdomain(60, 60)(query);
        case "fail":
          return servfail()(query);
        case "three":
          return { reply: respond(query, { answers: three }) };
        default:
          return address(query);
      }
    },
  });
});
after(async () => {
  await upstream.close();
  rmSync(folder, { recursive: true });
});

const filled = (text: string): string => text.replaceAll("PORT", String(upstream.port)).replaceAll("FOLDER", folder);

/** Sets every block up and plans its listeners, without opening anything. @throws ConfigError */
function setUp(text: string): void {
  const sources = systemSources((message) => assert.fail(message), directiveStatus(builtDirectives));
  const corefile = parseCorefile(text, join(folder, "Corefile"), sources);
  const context = fakeContext({ metrics: Metrics.create({ threads: 1 }) });
  const services = { ...context, store: AnswerStore.create({ bytes: 1 << 20, clock: context.clock }) };
  const currentHash = async (): Promise<string> => corefile.hash;
  const blocks = corefile.blocks.map((block) =>
    setUpBlock(block, { plugins, corefile, services, defaultPort: 53, currentHash }),
  );
  planListeners(blocks, []);
}

/** `LINE:COLUMN: MESSAGE`, or undefined when it could be set up. */
function refusalOf(text: string): string | undefined {
  try {
    setUp(filled(text));
    return undefined;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.replace(`${join(folder, "Corefile")}:`, "").replaceAll(folder, "FOLDER");
  }
}

async function outcomeOf(port: number, { name, type, flags }: CorefileQuestion): Promise<string> {
  const wire = queryFor(name, typeNumber(type) ?? assert.fail(`no type ${type}`), {
    class: flags.includes("ch") ? CLASS_CH : CLASS_IN,
    dnssecOk: flags.includes("do"),
  });
  const ask = flags.includes("tcp") ? askTcp : askUdp;
  const { rcode, answers } = decodeMessage(await ask({ port, wire }));
  return [rcodeName(rcode), linesOf(answers).toSorted().join("; ")].join(" ").trim();
}

async function checkAnswers({ text, questions }: CorefileCase): Promise<void> {
  const running = await runServer(filled(text));
  try {
    for (const question of questions) {
      assert.equal(await outcomeOf(running.port, question), question.expected, `${question.name} ${question.type}`);
    }
  } finally {
    await running.stop();
  }
}

for (const [group, ofGroup] of Map.groupBy(cases, (one) => one.group)) {
  describe(`Corefiles: ${group}`, () => {
    for (const one of ofGroup) {
      it(one.title, async () => {
        assert.equal(refusalOf(one.text), one.error);
        if (one.questions.length > 0) await checkAnswers(one);
      });
    }
  });
}

describe("the corpus", () => {
  it("has a hundred Corefiles and more, and names every plugin", () => {
    assert.ok(cases.length >= 100, `${cases.length}`);
    const unnamed = [...builtDirectives].filter(
      (directive) =>
        !cases.some(({ text, error }) => error === undefined && new RegExp(`\\b${directive}\\b`).test(text)),
    );
    assert.deepEqual(unnamed, []);
  });
  it("names no Corefile twice", () => {
    const titles = cases.map(({ group, title }) => `${group}: ${title}`);
    assert.deepEqual(
      titles.filter((title, i) => titles.indexOf(title) !== i),
      [],
    );
  });
});
