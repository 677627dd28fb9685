import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, mock } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FakeClock } from "../../../base/clock.ts";
import { FLAG_AA } from "../../../dns/header.ts";
import { decodeMessage } from "../../../dns/message.ts";
import { recordToText } from "../../../dns/records/record-text.ts";
import { AnswerStore } from "../../cache/answer-store.ts";
import type { Handler } from "../../chain/handler.ts";
import type { PluginInstance } from "../../chain/plugin.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { askUdp, queryFor } from "../../../../test/support/dns-client.ts";
import { runServer } from "../../../../test/support/running-server.ts";
import { answerA, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, type FakeContext, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { hosts } from "./hosts.ts";

const FILE = `
127.0.0.1  localhost localhost.domain
::1        localhost   # loopback
192.0.2.1  Example.ORG www.example.org
192.0.2.2  example.org
2001:db8::1 example.org
fe80::1%lo0 link.example.org
::ffff:192.0.2.9 mapped.example.org
10.0.0.1   *.wild.example.org
2001:db8::2 exact.wild.example.org
# comment only
not-an-address example.com
192.0.2.3
192.0.2.4  a..b bad
`;

let folder = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "nodens-hosts-"));
  writeFileSync(join(folder, "hosts"), FILE);
});

after(() => rmSync(folder, { recursive: true }));

interface Started {
  readonly chain: Handler;
  readonly context: FakeContext;
  readonly instance: PluginInstance;
  readonly next: { readonly queries: readonly unknown[] };
}

async function started(corefile: string, run: (started: Started) => Promise<void>): Promise<void> {
  const metrics = Metrics.create({ threads: 1 });
  const store = AnswerStore.create({ bytes: 1 << 20, clock: new FakeClock() });
  const { context, instance } = setUp(hosts, corefile, { root: folder, metrics, store, partition: 1 });
  const next = answering();
  const chain = chainOf(instance, next);
  await instance.start?.();
  try {
    await run({ chain, context, instance, next });
  } finally {
    await instance.stop?.("shutdown");
  }
}

/** What the chain says: "next", a response code, or the answers as text. */
async function ask({ chain, next }: Started, name: string, type = "A", qclass = 1): Promise<string | string[]> {
  const before = next.queries.length;
  const answer = await chain.serve(testQuery(name, type, { qclass }));
  if (next.queries.length > before) return "next";
  assert.equal(answer.plugin, "hosts");
  const message = decodeMessage(answer.wire);
  if (message.rcode !== 0) return `rcode ${message.rcode}`;
  assert.ok((message.flags & FLAG_AA) !== 0, "authoritative");
  assert.deepEqual([message.authority.length, message.additional.length], [0, 0]);
  return message.answers.map((record) => recordToText(record).replaceAll(/\s+/g, " "));
}

describe("hosts", () => {
  it("answers A and AAAA, in the client's spelling, in file order", async () => {
    await started(". {\nhosts hosts\n}", async (all) => {
      assert.deepEqual(await ask(all, "EXAMPLE.org"), [
        "EXAMPLE.org. 3600 IN A 192.0.2.1",
        "EXAMPLE.org. 3600 IN A 192.0.2.2",
      ]);
      assert.deepEqual(await ask(all, "example.org", "AAAA"), ["example.org. 3600 IN AAAA 2001:db8::1"]);
      assert.deepEqual(await ask(all, "localhost"), ["localhost. 3600 IN A 127.0.0.1"]);
    });
  });

  it("takes addresses with a zone, and IPv4-mapped ones as IPv4", async () => {
    await started(". {\nhosts hosts\n}", async (all) => {
      assert.deepEqual(await ask(all, "link.example.org", "AAAA"), ["link.example.org. 3600 IN AAAA fe80::1"]);
      assert.deepEqual(await ask(all, "mapped.example.org"), ["mapped.example.org. 3600 IN A 192.0.2.9"]);
    });
  });

  it("passes over lines and names that are none", async () => {
    await started(". {\nhosts hosts\n}", async (all) => {
      assert.equal(await ask(all, "example.com"), "rcode 2");
      assert.deepEqual(await ask(all, "bad"), ["bad. 3600 IN A 192.0.2.4"]);
    });
  });

  it("says NODATA for another type of a name that is there", async () => {
    await started(". {\nhosts hosts\n}", async (all) => {
      assert.deepEqual(await ask(all, "www.example.org", "AAAA"), []);
      assert.deepEqual(await ask(all, "www.example.org", "TXT"), []);
    });
  });

  it("says SERVFAIL for a name that is absent: there is no SOA for a denial", async () => {
    await started(". {\nhosts hosts\n}", async (all) => {
      assert.equal(await ask(all, "absent.example.org"), "rcode 2");
      assert.equal(await ask(all, "absent.example.org", "MX"), "rcode 2");
    });
  });

  it("leaves other classes to the next plugin", async () => {
    await started(". {\nhosts hosts\n}", async (all) => assert.equal(await ask(all, "localhost", "A", 3), "next"));
  });

  it("matches a wildcard with one label, unless the name has addresses of that family itself", async () => {
    await started(". {\nhosts hosts\n}", async (all) => {
      assert.deepEqual(await ask(all, "Any.wild.example.org"), ["Any.wild.example.org. 3600 IN A 10.0.0.1"]);
      assert.deepEqual(await ask(all, "any.wild.example.org", "AAAA"), []);
      assert.deepEqual(await ask(all, "exact.wild.example.org"), ["exact.wild.example.org. 3600 IN A 10.0.0.1"]);
      assert.deepEqual(await ask(all, "*.wild.example.org"), ["*.wild.example.org. 3600 IN A 10.0.0.1"]);
      assert.equal(await ask(all, "wild.example.org"), "rcode 2");
      assert.equal(await ask(all, "deep.any.wild.example.org"), "rcode 2");
      assert.equal(await ask(all, "1.0.0.10.in-addr.arpa", "PTR"), "next");
    });
  });
});

describe("a wildcard of the root", () => {
  it("covers nothing", async () => {
    writeFileSync(join(folder, "star"), "192.0.2.1 *\n");
    await started(". {\nhosts star\n}", async (all) => {
      for (const name of ["test", ".", "a.test"]) assert.equal(await ask(all, name), "rcode 2", name);
    });
  });
});

describe("hosts and names of addresses", () => {
  it("answers PTR for both families, outside its zones too", async () => {
    await started("example.org {\nhosts hosts\n}", async (all) => {
      assert.deepEqual(await ask(all, "1.2.0.192.In-Addr.ARPA", "PTR"), [
        "1.2.0.192.In-Addr.ARPA. 3600 IN PTR example.org.",
        "1.2.0.192.In-Addr.ARPA. 3600 IN PTR www.example.org.",
      ]);
      const nibbles = `1.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa.`;
      assert.deepEqual(await ask(all, nibbles, "PTR"), [`${nibbles} 3600 IN PTR example.org.`]);
      assert.deepEqual(await ask(all, "9.2.0.192.in-addr.arpa", "PTR"), [
        "9.2.0.192.in-addr.arpa. 3600 IN PTR mapped.example.org.",
      ]);
    });
  });

  it("passes on what it has no name for, without fallthrough too", async () => {
    await started(". {\nhosts hosts\n}", async (all) => {
      for (const name of [
        "99.2.0.192.in-addr.arpa",
        "2.0.192.in-addr.arpa",
        "01.2.0.192.in-addr.arpa",
        "1.ip6.arpa",
        "example.org",
      ]) {
        assert.equal(await ask(all, name, "PTR"), "next", name);
      }
    });
  });

  it("has none with no_reverse", async () => {
    await started(". {\nhosts hosts {\n192.0.2.77 inline.test\nno_reverse\n}\n}", async (all) => {
      assert.equal(await ask(all, "1.2.0.192.in-addr.arpa", "PTR"), "next");
      assert.equal(await ask(all, "77.2.0.192.in-addr.arpa", "PTR"), "next");
      assert.deepEqual(await ask(all, "inline.test"), ["inline.test. 3600 IN A 192.0.2.77"]);
    });
  });

  it("puts a bounded number of names into one answer", async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `0.0.0.0 ad${i}.test`).join("\n");
    writeFileSync(join(folder, "many"), names);
    await started(". {\nhosts many\n}", async (all) => {
      assert.equal((await ask(all, "0.0.0.0.in-addr.arpa", "PTR")).length, 500);
      assert.equal((await ask(all, "ad1999.test")).length, 1);
    });
  });
});

describe("zones of hosts", () => {
  it("are those of the server block, and other names go on", async () => {
    await started("example.org {\nhosts hosts\n}", async (all) => {
      assert.deepEqual(await ask(all, "www.example.org"), ["www.example.org. 3600 IN A 192.0.2.1"]);
      assert.equal(await ask(all, "localhost"), "next");
    });
  });

  it("are those behind the file where there are any", async () => {
    await started(". {\nhosts hosts localhost domain\n}", async (all) => {
      assert.deepEqual(await ask(all, "localhost.domain"), ["localhost.domain. 3600 IN A 127.0.0.1"]);
      assert.equal(await ask(all, "example.org"), "next");
      assert.equal(await ask(all, "1.2.0.192.in-addr.arpa", "PTR"), "next");
    });
  });
});

describe("options of hosts", () => {
  it("has entries of the Corefile behind those of the file", async () => {
    await started(
      ". {\nhosts hosts {\n192.0.2.50 example.org extra.test # more\n::5 example.org\n192.0.2.1 example.org\n}\n}",
      async (all) => {
        assert.deepEqual(await ask(all, "example.org"), [
          "example.org. 3600 IN A 192.0.2.1",
          "example.org. 3600 IN A 192.0.2.2",
          "example.org. 3600 IN A 192.0.2.50",
        ]);
        assert.deepEqual(await ask(all, "extra.test"), ["extra.test. 3600 IN A 192.0.2.50"]);
        assert.deepEqual(await ask(all, "50.2.0.192.in-addr.arpa", "PTR"), [
          "50.2.0.192.in-addr.arpa. 3600 IN PTR example.org.",
          "50.2.0.192.in-addr.arpa. 3600 IN PTR extra.test.",
        ]);
      },
    );
  });

  it("lets absent names fall through, for all zones or for some", async () => {
    await started(". {\nhosts hosts {\nfallthrough\n}\n}", async (all) => {
      assert.equal(await ask(all, "absent.test"), "next");
      assert.deepEqual(await ask(all, "www.example.org", "TXT"), []);
    });
    await started(". {\nhosts hosts {\nfallthrough example.ORG\n}\n}", async (all) => {
      assert.equal(await ask(all, "absent.example.org"), "next");
      assert.equal(await ask(all, "absent.test"), "rcode 2");
    });
  });

  it("lets other types fall through with fallthrough_unsupported, in the same zones", async () => {
    await started(". {\nhosts hosts {\nfallthrough example.org\nfallthrough_unsupported\n}\n}", async (all) => {
      assert.equal(await ask(all, "www.example.org", "HTTPS"), "next");
      assert.deepEqual(await ask(all, "www.example.org", "AAAA"), []);
      assert.deepEqual(await ask(all, "localhost", "TXT"), []);
    });
  });

  it("sets the TTL, forward and reverse", async () => {
    await started(". {\nhosts hosts {\nttl 65535\n}\n}", async (all) => {
      assert.deepEqual(await ask(all, "www.example.org"), ["www.example.org. 65535 IN A 192.0.2.1"]);
      assert.match((await ask(all, "1.2.0.192.in-addr.arpa", "PTR"))[0] ?? "", / 65535 IN PTR /);
    });
  });

  for (const [lines, message] of [
    ["ttl", "Corefile:3:1: Wrong argument count or unexpected line ending after 'ttl'"],
    ["ttl 0", "Corefile:3:5: 0 is out of range: 1 to 65535"],
    ["ttl 65536", "Corefile:3:5: 65536 is out of range: 1 to 65535"],
    ["ttl 5s", "Corefile:3:5: '5s' is no whole number"],
    ["reload 5", 'Corefile:3:8: time: missing unit in duration "5"'],
    ["reload -1s", "Corefile:3:8: duration -1s is below 0s"],
    ["no_reverse x", "Corefile:3:12: Wrong argument count: 'no_reverse' does not take 'x'"],
    ["fallthrough\n192.0.2.1 late.test", "Corefile:4:1: unknown property '192.0.2.1'"],
    ["fallthrough_unsupported", "Corefile:3:1: fallthrough_unsupported requires fallthrough"],
    ["fallthrough a..b", 'Corefile:3:13: not a domain name: "a..b" is no domain name: a label is empty'],
  ] as const) {
    it(`refuses ${lines.replaceAll("\n", " | ")}`, () => {
      assert.throws(() => setUp(hosts, `. {\nhosts {\n${lines}\n}\n}`), { message });
    });
  }

  it("warns of a line that is neither property nor entry", () => {
    const { context } = setUp(hosts, ". {\nhosts {\ntll 30\n}\n}");
    assert.deepEqual(context.log.lines, [
      "[WARNING] plugin/hosts: Corefile:3: ignored: neither a property nor an address and its names: tll",
    ]);
  });

  it("warns of a file that is missing and of a folder, and refuses one it may not look at", () => {
    const warnings = (file: string): string[] =>
      setUp(hosts, `. {\nhosts ${file}\n}`, { root: folder }).context.log.lines;
    assert.deepEqual(warnings("none"), [`[WARNING] plugin/hosts: File does not exist: ${folder}/none`]);
    assert.deepEqual(warnings(folder), [`[WARNING] plugin/hosts: Hosts file "${folder}" is a directory`]);
    assert.throws(() => warnings("hosts/below"), {
      message: /^Corefile:2:7: unable to access hosts file '.*\/hosts\/below': ENOTDIR/,
    });
  });

  it("reads /etc/hosts unless another file is named", () => {
    assert.deepEqual(setUp(hosts, ". {\nhosts\n}").context.log.lines, []);
  });
});

describe("reading the hosts file again", () => {
  it("happens when its time or size changes, and metrics tell of it", async (test) => {
    mock.timers.enable({ apis: ["setInterval"] });
    test.after(() => mock.timers.reset());
    const path = join(folder, "changing");
    writeFileSync(path, "192.0.2.1 a.test\n");
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    await started(". {\nhosts changing {\n192.0.2.9 inline.test\n}\n}", async (all) => {
      const gauge = (): number[] => [
        all.context.metrics.gauge("coredns_hosts_entries").with(path).value,
        all.context.metrics.gauge("coredns_hosts_reload_timestamp_seconds").with().value,
      ];
      assert.deepEqual(await ask(all, "a.test"), ["a.test. 3600 IN A 192.0.2.1"]);
      // A name with one address counts twice: once as a name, once as the name of the address.
      assert.deepEqual(gauge(), [4, 1_700_000_000]);
      writeFileSync(path, "192.0.2.2 a.test\n192.0.2.2 b.test\n");
      utimesSync(path, 1_700_000_100.5, 1_700_000_100.5);
      assert.deepEqual(await ask(all, "a.test"), ["a.test. 3600 IN A 192.0.2.1"]);
      mock.timers.tick(5000);
      assert.deepEqual(await ask(all, "a.test"), ["a.test. 3600 IN A 192.0.2.2"]);
      assert.deepEqual(gauge(), [6, 1_700_000_100.5]);
    });
  });

  it("looks at the size too, and at nothing else", async (test) => {
    mock.timers.enable({ apis: ["setInterval"] });
    test.after(() => mock.timers.reset());
    const path = join(folder, "same-time");
    const write = (text: string): void => {
      writeFileSync(path, text);
      utimesSync(path, 1_700_000_000, 1_700_000_000);
      mock.timers.tick(5000);
    };
    write("192.0.2.1 a.test\n");
    await started(". {\nhosts same-time\n}", async (all) => {
      write("192.0.2.2 a.test\n");
      assert.deepEqual(await ask(all, "a.test"), ["a.test. 3600 IN A 192.0.2.1"]);
      write("192.0.2.33 a.test\n");
      assert.deepEqual(await ask(all, "a.test"), ["a.test. 3600 IN A 192.0.2.33"]);
    });
  });

  it("keeps what it has while the file is gone, and takes a file that comes later", async (test) => {
    mock.timers.enable({ apis: ["setInterval"] });
    test.after(() => mock.timers.reset());
    const path = join(folder, "coming");
    await started(". {\nhosts coming {\nreload 1s\n}\n}", async (all) => {
      assert.equal(await ask(all, "a.test"), "rcode 2");
      writeFileSync(path, "192.0.2.1 a.test\n");
      mock.timers.tick(1000);
      assert.equal((await ask(all, "a.test")).length, 1);
      renameSync(path, `${path}.gone`);
      mock.timers.tick(1000);
      assert.equal((await ask(all, "a.test")).length, 1);
    });
  });

  it("tells once that the file cannot be read", { skip: process.platform !== "linux" }, async (test) => {
    mock.timers.enable({ apis: ["setInterval"] });
    test.after(() => mock.timers.reset());
    // Reading it fails for root too, who may read files of any mode.
    await started(". {\nhosts /proc/self/mem\n}", async ({ context }) => {
      mock.timers.tick(10_000);
      assert.equal(context.log.lines.length, 1);
      assert.match(
        context.log.lines[0] ?? "",
        /^\[WARNING\] plugin\/hosts: Hosts file \/proc\/self\/mem cannot be read: EIO/,
      );
    });
  });

  it("takes back what the cache holds of the names that it is about, and nothing else", async (t) => {
    const path = join(folder, "cached");
    writeFileSync(path, "192.0.2.1 a.test\n192.0.2.2 gone.test\n192.0.2.3 same.test\n192.0.2.4 *.wild.test\n");
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 300) });
    t.after(() => upstream.close());
    const corefile = `. {\ncache\nhosts ${path} {\nreload 20ms\nfallthrough\n}\nforward . 127.0.0.1:${upstream.port}\n}`;
    const running = await runServer(corefile);
    t.after(() => running.stop());
    const data = async (name: string, type = 1): Promise<string> => {
      const { answers } = decodeMessage(await askUdp({ port: running.port, wire: queryFor(name, type) }));
      return answers.map((record) => recordToText(record).split(/\s/).at(-1)).join();
    };
    const all = async (): Promise<string[]> => [
      await data("a.test."),
      await data("gone.test."),
      await data("new.test."),
      await data("other.test."),
      await data("x.wild.test."),
      await data("1.2.0.192.in-addr.arpa.", 12),
    ];
    assert.deepEqual(await all(), ["192.0.2.1", "192.0.2.2", "192.0.2.7", "192.0.2.7", "192.0.2.4", "a.test."]);
    await data("same.test.");
    const asked = upstream.queries.length;
    writeFileSync(
      path,
      "192.0.2.11 a.test\n192.0.2.3 same.test\n192.0.2.5 new.test\n192.0.2.44 *.wild.test\n192.0.2.1 b.test\n",
    );
    const expected = ["192.0.2.11", "192.0.2.7", "192.0.2.5", "192.0.2.7", "192.0.2.44", "b.test."];
    for (const endMs = performance.now() + 10_000; performance.now() < endMs; await delay(20)) {
      if ((await data("a.test.")) === expected[0]) break;
    }
    assert.deepEqual(await all(), expected);
    const more = upstream.queries.slice(asked).map(({ name }) => name);
    assert.deepEqual(more, ["gone.test."]);
  });

  it("can be turned off, and ends when the plugin is stopped", async (test) => {
    mock.timers.enable({ apis: ["setInterval"] });
    test.after(() => mock.timers.reset());
    const path = join(folder, "once");
    for (const [reload, change] of [
      ["0s", true],
      ["1s", false],
    ] as const) {
      writeFileSync(path, "192.0.2.1 a.test\n");
      await started(`. {\nhosts once {\nreload ${reload}\n}\n}`, async (all) => {
        if (!change) await all.instance.stop?.("reload");
        writeFileSync(path, "192.0.2.22 a.test\n");
        mock.timers.tick(60_000);
        assert.deepEqual(await ask(all, "a.test"), ["a.test. 3600 IN A 192.0.2.1"]);
      });
    }
  });
});
