import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { readFolder } from "./config-folder.ts";
import { kubeDnsConfigOf, KubeDnsConfigError } from "./kube-dns-config.ts";

const read = (files: Record<string, string>): ReturnType<typeof kubeDnsConfigOf> =>
  kubeDnsConfigOf(new Map(Object.entries(files)));

describe("the kube-dns ConfigMap", () => {
  it("may be empty, and may hold what node-cache does not read", () => {
    assert.deepEqual(read({ federations: "{", other: "" }), { stubDomains: new Map(), upstreamNameservers: [] });
    assert.deepEqual(read({ stubDomains: "null", upstreamNameservers: "null" }).stubDomains, new Map());
  });

  it("gives stub domains in the order of their names, whatever theirs in the file", () => {
    const config = read({
      stubDomains: '{"zeta.local": ["1.2.3.4"], "acme.local": ["1.1.1.1:5353", "fd00::1", "[fd00::1]:53"]}',
      upstreamNameservers: '["8.8.8.8", "8.8.4.4:53"]',
    });
    assert.deepEqual([...config.stubDomains.keys()], ["acme.local", "zeta.local"]);
    assert.deepEqual(config.stubDomains.get("acme.local"), ["1.1.1.1:5353", "fd00::1", "[fd00::1]:53"]);
    assert.deepEqual(config.upstreamNameservers, ["8.8.8.8", "8.8.4.4:53"]);
  });

  const bad: [string, Record<string, string>, RegExp][] = [
    ["no JSON", { stubDomains: '{"acme.local": [' }, /stubDomains is no JSON/],
    ["a list", { stubDomains: "[]" }, /no JSON object/],
    ["a domain that is none", { stubDomains: '{"acme_local": ["1.1.1.1"]}' }, /invalid domain name: "acme_local"/],
    ["a domain with capitals", { stubDomains: '{"Acme.local": ["1.1.1.1"]}' }, /invalid domain name/],
    ["servers that are no list", { stubDomains: '{"acme.local": "1.1.1.1"}' }, /no JSON list/],
    ["no servers", { stubDomains: '{"acme.local": []}' }, /acme.local has no nameserver/],
    ["a server by name", { stubDomains: '{"acme.local": ["ns.acme.local"]}' }, /invalid nameserver: "ns.acme.local"/],
    ["four upstreams", { upstreamNameservers: '["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]' }, /more than three/],
    ["an upstream's port", { upstreamNameservers: '["1.1.1.1:70000"]' }, /invalid nameserver/],
    ["an upstream that breaks out", { upstreamNameservers: '["1.1.1.1 }\\n. {"]' }, /invalid nameserver/],
  ];
  for (const [what, files, message] of bad) {
    it(`is refused: ${what}`, () => {
      assert.throws(
        () => read(files),
        (error) => error instanceof KubeDnsConfigError && message.test(error.message),
      );
    });
  }
});

describe("a mounted ConfigMap", () => {
  const folder = mkdtempSync(join(tmpdir(), "nodens-test-"));
  after(() => rmSync(folder, { recursive: true }));

  it("is read through the links that the kubelet makes", () => {
    mkdirSync(join(folder, "..2026_01_01"));
    writeFileSync(join(folder, "..2026_01_01", "stubDomains"), "{}");
    symlinkSync("..2026_01_01", join(folder, "..data"));
    symlinkSync(join("..data", "stubDomains"), join(folder, "stubDomains"));
    mkdirSync(join(folder, "lost+found"));
    assert.deepEqual(readFolder(folder), new Map([["stubDomains", "{}"]]));
  });

  it("may be missing, and must be text", () => {
    assert.equal(readFolder(join(folder, "nowhere")), undefined);
    writeFileSync(join(folder, "binary"), Uint8Array.of(0xff, 0xfe));
    assert.throws(() => readFolder(folder), /non-utf8 data in binary/);
    rmSync(join(folder, "binary"));
  });
});
