/** Every row of the tables, from manifests by `dig` and from an API server. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeMessage } from "../../../src/dns/message.ts";
import { rcodeName, typeNumber } from "../../../src/dns/types.ts";
import { type Plural, TestApiServer } from "../../support/api-server.ts";
import { askUdp, queryFor } from "../../support/dns-client.ts";
import { missing } from "../../support/machine.ts";
import { type NodensProcess, run, startNodens } from "../../support/nodens-process.ts";
import { linesOf } from "../../support/plugin-server.ts";
import { type RunningServer, runServer } from "../../support/running-server.ts";
import { answerA, nxdomain, type ScriptedUpstream, startUpstream } from "../../support/scripted-upstream.ts";
import { clusterObjects, corefile, MANIFESTS, questionCount, type RecordCase, recordCases } from "./record-cases.ts";

const PLURALS: Readonly<Record<string, Plural>> = {
  Namespace: "namespaces",
  Service: "services",
  EndpointSlice: "endpointslices",
  Pod: "pods",
  ServiceImport: "serviceimports",
};
const cases = recordCases();

interface Outcome {
  readonly rcode: string;
  readonly answers: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
}

async function upstream(): Promise<ScriptedUpstream> {
  const address = answerA("192.0.2.1", 60);
  const denied = nxdomain(60, 60);
  return startUpstream({ script: (query) => (query.name.startsWith("nx.") ? denied(query) : address(query)) });
}

function check({ name, type, rcode, answers, additional }: RecordCase, outcome: Outcome): void {
  const about = `${name} ${type}`;
  assert.equal(outcome.rcode, rcode, about);
  assert.deepEqual(outcome.answers, answers, about);
  assert.deepEqual(outcome.additional, additional, about);
  if (answers.length > 0) return;
  assert.equal(outcome.authority.length, 1, `${about}: an SOA`);
  assert.match(outcome.authority[0] ?? "", / SOA ns\.dns\.\S+ hostmaster\.\S+ \d+ 7200 1800 86400 \d+$/, about);
}

describe("the tables", () => {
  it("have eighty cases and more, of both kinds and both families, all read", () => {
    assert.equal(cases.length, questionCount());
    assert.ok(cases.length >= 80, `${cases.length}`);
    assert.ok(cases.filter(({ answers }) => answers.length === 0).length >= 40);
    assert.ok(cases.filter(({ answers }) => answers.some((line) => line.includes(" AAAA "))).length >= 10);
  });
});

describe("the records of a cluster, from manifests, by dig", { skip: missing("dig") }, () => {
  let resolver: ScriptedUpstream;
  let nodens: NodensProcess;
  let folder: string;
  const outcomes = new Map<string, Outcome>();
  before(async () => {
    resolver = await upstream();
    nodens = await startNodens((port) => corefile(`manifests ${MANIFESTS}`, resolver.port, port));
    folder = mkdtempSync(join(tmpdir(), "nodens-records-"));
    writeFileSync(join(folder, "batch"), cases.map(({ name, type }) => `${name} ${type}\n`).join(""));
    const options = [
      "+noall",
      "+comments",
      "+question",
      "+answer",
      "+authority",
      "+additional",
      "+noedns",
      "+nocrypto",
    ];
    const output = await run("dig", ["@127.0.0.1", "-p", String(nodens.port), ...options, "-f", join(folder, "batch")]);
    for (const text of output.split(/^;; Got answer:$/m).slice(1)) {
      const question = /^;(\S+)\s+IN\s+(\S+)$/m.exec(text);
      outcomes.set(`${question?.[1]} ${question?.[2]}`, {
        rcode: /status: ([A-Z]+)/.exec(text)?.[1] ?? "",
        answers: sectionOf(text, "ANSWER"),
        authority: sectionOf(text, "AUTHORITY"),
        additional: sectionOf(text, "ADDITIONAL"),
      });
    }
  });
  after(async () => {
    assert.equal(await nodens.end(), 0);
    await resolver.close();
    rmSync(folder, { recursive: true });
  });
  for (const one of cases) {
    it(`${one.section}: ${one.name} ${one.type}`, () => {
      check(one, outcomes.get(`${one.name} ${one.type}`) ?? assert.fail("dig got no answer"));
    });
  }
});

describe("the records of a cluster, from an API server", () => {
  let resolver: ScriptedUpstream;
  let api: TestApiServer;
  let server: RunningServer;
  before(async () => {
    resolver = await upstream();
    api = await TestApiServer.start();
    for (const object of clusterObjects()) api.put(PLURALS[object.kind] ?? assert.fail(object.kind), object);
    server = await runServer(corefile(`endpoint ${api.url}`, resolver.port, 53));
  });
  after(async () => {
    await server.stop();
    await api.close();
    await resolver.close();
  });
  for (const one of cases) {
    it(`${one.section}: ${one.name} ${one.type}`, async () => {
      const wire = queryFor(one.name, typeNumber(one.type) ?? assert.fail(one.type));
      const { rcode, answers, authority, additional } = decodeMessage(await askUdp({ port: server.port, wire }));
      const text = (records: typeof answers): string[] =>
        linesOf(records)
          .map((line) => line.replace(" IN ", " "))
          .sort();
      check(one, {
        rcode: rcodeName(rcode),
        answers: text(answers),
        authority: text(authority),
        additional: text(additional.filter(({ type }) => type !== 41)),
      });
    });
  }
  it("lists and watches each kind and selection once, whatever number of blocks asks", () => {
    const listed = api.requests
      .filter(({ verb }) => verb === "list")
      .map(({ kind, query }) => `${kind} ${query.get("labelSelector") ?? ""}`.trim());
    assert.deepEqual(listed.toSorted(), [...new Set(listed)].toSorted());
  });
});

function sectionOf(text: string, section: string): string[] {
  const body = text.split(new RegExp(`^;; ${section} SECTION:\\n`, "m"))[1]?.split(/^;|^$/m)[0] ?? "";
  return body
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replaceAll(/\s+/g, " ").replace(" IN ", " "))
    .sort();
}
