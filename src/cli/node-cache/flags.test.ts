import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAGS, type NodeCacheSettings, settingsOf } from "./flags.ts";
import { parseGoFlags } from "./go-flags.ts";

function settings(...words: string[]): NodeCacheSettings | string {
  const parsed = parseGoFlags(FLAGS, words);
  return parsed.kind === "parsed" ? settingsOf(parsed.values) : parsed.kind;
}

function good(...words: string[]): NodeCacheSettings {
  const read = settings(...words);
  return typeof read === "string" ? assert.fail(read) : read;
}

const LOCAL = ["-localip", "169.254.20.10"];

describe("the flags of node-cache", () => {
  it("have node-cache's defaults", () => {
    const { localAddresses, port, healthPort, corefilePath, syncinterval, interfacename, upstreamsvc } = good(...LOCAL);
    assert.deepEqual(
      [localAddresses, port, healthPort, corefilePath, syncinterval, interfacename, upstreamsvc],
      [["169.254.20.10"], 53, 8080, "/etc/Corefile", 60_000, "nodelocaldns", "kube-dns"],
    );
  });

  it("name the Corefile by -conf, else by -corefile", () => {
    assert.equal(good(...LOCAL, "-corefile", "/a", "-conf", "/b").corefilePath, "/b");
    assert.equal(good(...LOCAL, "-corefile", "/a").corefilePath, "/a");
  });

  it("take seconds for the interval in each way in which people write them", () => {
    const cases: [string, number][] = [
      ["30", 30_000],
      ["30s", 30_000],
      ["30ns", 30_000],
      ["1m", 60_000],
      ["1m30s", 90_000],
      ["500ms", 500],
    ];
    for (const [text, ms] of cases) assert.equal(good(...LOCAL, "-syncinterval", text).syncinterval, ms, text);
    for (const text of ["", "0", "-5s", "x", "1ms", "9999h"])
      assert.equal(settings("-syncinterval", text), "mistake", text);
  });

  it("take addresses of both families", () => {
    assert.deepEqual(good("-localip", "169.254.20.10,fd00::10").localAddresses, ["169.254.20.10", "fd00::10"]);
  });

  const refused: [string, readonly string[], string][] = [
    ["no address", [], 'invalid localip specified - ""'],
    ["no address behind a comma", ["-localip", "1.1.1.1,"], 'invalid localip specified - ""'],
    ["a space", ["-localip", "1.1.1.1, 1.1.1.2"], 'invalid localip specified - " 1.1.1.2"'],
    ["a name", ["-localip", "localhost"], 'invalid localip specified - "localhost"'],
    ["a port that is none", [...LOCAL, "-p", "dns"], 'invalid port specified - "dns"'],
    ["a port that is too high", [...LOCAL, "-dns.port=65536"], 'invalid port specified - "65536"'],
    ["a health port that is none", [...LOCAL, "-health-port", "x"], 'invalid healthcheck port specified - "x"'],
    ["a service address that is none", [...LOCAL, "-service-ip", "x"], 'invalid service-ip specified - "x"'],
    [
      "rewriting without one",
      [...LOCAL, "-intercept=rewrite"],
      "-intercept=rewrite needs -service-ip, the address that pods send to",
    ],
    [
      "an endpoint that is none",
      [...LOCAL, "-fallback", "10.0.0.1,kube-dns"],
      'invalid fallback specified - "kube-dns"',
    ],
  ];
  for (const [what, words, message] of refused) {
    it(`are refused: ${what}`, () => assert.equal(settings(...words), message));
  }
});
