/**
 * What was observed of node-cache 1.26.5 (CoreDNS 1.12.2), case by case, with the real process: the same here, or, where a row
 * says `instead`, what we do and why. docs/migration.md lists those.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decodeMessage, type Message } from "../../src/dns/message.ts";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { freePort } from "../support/free-port.ts";
import {
  answerA,
  nxdomain,
  refused,
  respond,
  type Script,
  type ScriptedUpstream,
  servfail,
  silence,
  startUpstream,
} from "../support/scripted-upstream.ts";

const BIN = fileURLToPath(new URL("../../bin/node-cache.js", import.meta.url));
const TYPE_A = 1;
const TYPE_TXT = 16;
const CLASS_CH = 3;
const START_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), "nodens-test-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function file(text: string): string {
  const path = join(folder, `Corefile.${++files}`);
  writeFileSync(path, text);
  return path;
}

/** Changes nothing on this machine. */
const ALONE = ["-setupinterface=false", "-setupiptables=false", "-metrics-listen-address=127.0.0.1:0"];
const LOCAL = ["-localip", "127.0.0.1"];

/** Runs it to its end. */
async function run(...words: string[]): Promise<{ readonly code: number | null; readonly text: string }> {
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [BIN, ...words], { timeout: START_MS, cwd: folder }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, text: `${stdout}${stderr}` }),
    );
  });
}

interface Ending {
  readonly what: string;
  readonly words: readonly string[];
  readonly code: number;
  readonly says: RegExp;
}

/** A template that is not there, and a Corefile that is not either. */
const NOWHERE = ["-basecorefile", join(folder, "no.base"), "-conf", join(folder, "no.corefile")];
const withCorefile = (text: string): string[] => [
  ...LOCAL,
  ...ALONE,
  "-basecorefile",
  file(text),
  "-conf",
  join(folder, `out.${files}`),
];

const ENDINGS: readonly Ending[] = [
  { what: "start without -localip", words: [], code: 1, says: /^\[FATAL\] .*invalid localip specified - ""/m },
  { what: "an address with a space", words: ["-localip", "1.1.1.1, ::1"], code: 1, says: /localip specified - " ::1"/ },
  { what: "-p that is no number", words: [...LOCAL, "-p", "dns"], code: 1, says: /invalid port specified - "dns"/ },
  {
    what: "-health-port that is none",
    words: [...LOCAL, "-health-port=x"],
    code: 1,
    says: /invalid healthcheck port specified - "x"/,
  },
  { what: "-h", words: ["-h"], code: 0, says: /^Usage of node-cache:\n[\s\S]*^ {2}-localip string\n/m },
  { what: "--help", words: ["--help"], code: 0, says: /-syncinterval duration/ },
  { what: "an unknown flag", words: ["-nope"], code: 2, says: /^flag provided but not defined: -nope\nUsage of/m },
  { what: "a flag without its value", words: ["-localip"], code: 2, says: /^flag needs an argument: -localip$/m },
  { what: "a boolean that is none", words: ["-setupinterface=yes"], code: 2, says: /invalid boolean value "yes"/ },
  { what: "-syncinterval of no duration", words: ["-syncinterval", "x"], code: 2, says: /invalid value "x" for flag/ },
  { what: "-version", words: ["-version"], code: 0, says: /^Nodens-\d/m },
  { what: "-plugins", words: ["-plugins"], code: 0, says: /^ {2}dns\.forward$/m },
  {
    what: "words that are no flags",
    words: [...LOCAL, "serve"],
    code: 1,
    says: /extra command line arguments: \[serve\]/,
  },
  {
    what: "no template and no -conf",
    words: [...LOCAL, ...ALONE, ...NOWHERE],
    code: 1,
    says: /cannot read .*no\.corefile/,
  },
  {
    what: "a directive that is unknown",
    words: withCorefile(".:0 {\n    nope\n}\n"),
    code: 1,
    says: /^node-cache: .*:2:5: .*nope/m,
  },
  {
    what: "one zone twice",
    words: withCorefile(".:5399 {\n    bind 127.0.0.1\n}\n.:5399 {\n    bind 127.0.0.1\n}\n"),
    code: 1,
    says: /cannot serve dns:\/\/\.:5399 on 127\.0\.0\.1 - it is already defined/,
  },
  {
    what: "no upstream Service: <nil> in the Corefile",
    words: withCorefile(".:0 {\n    bind 127.0.0.1\n    forward . __PILLAR__CLUSTER__DNS__\n}\n"),
    code: 1,
    says: /Unable to lookup IP address of Upstream service kube-dns, env \$KUBE_DNS_SERVICE_HOST ``[\s\S]*<nil>/,
  },
];

describe("node-cache ends as node-cache does", () => {
  for (const { what, words, code, says } of ENDINGS) {
    it(`${what}: ${code}`, async () => {
      const ended = await run(...words);
      assert.equal(ended.code, code, ended.text);
      assert.match(ended.text, says);
    });
  }
});

interface Running {
  readonly port: number;
  readonly metricsPort: number;
  readonly upstream: ScriptedUpstream;
  readonly template: string;
  output(): string;
  signal(signal: NodeJS.Signals): void;
  until(text: string): Promise<void>;
  end(): Promise<number | null>;
}

type Corefile = (port: number, upstream: number) => string;

const FORWARDING: Corefile = (port, upstream) => `.:${port} {
    bind __PILLAR__LOCAL__DNS__
    errors
    cache {
        success 9984 30
        denial 9984 5
    }
    forward . 127.0.0.1:${upstream}
}
`;

async function start(corefile: Corefile, script: Script, ...words: string[]): Promise<Running> {
  const upstream = await startUpstream({ script });
  const [port, metricsPort] = [await freePort(), await freePort()];
  const template = file(corefile(port, upstream.port));
  const args = [...LOCAL, "-setupinterface=false", "-setupiptables=false", "-basecorefile", template];
  const conf = join(folder, `out.${files}`);
  const child = spawn(
    process.execPath,
    [BIN, ...args, "-conf", conf, "-p", String(port), `-metrics-listen-address=127.0.0.1:${metricsPort}`, ...words],
    { stdio: ["ignore", "pipe", "pipe"], cwd: folder },
  );
  let text = "";
  let look = (): void => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
      look();
    });
  }
  const exit = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => {
      resolve(code);
      look();
    });
  });
  const until = async (part: string): Promise<void> =>
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${part}: ${text}`)), START_MS);
      look = () => {
        if (!text.includes(part) && child.exitCode === null) return;
        clearTimeout(timer);
        if (text.includes(part)) resolve();
        else reject(new Error(`ended: ${text}`));
      };
      look();
    });
  const end = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    const code = await exit;
    await upstream.close();
    return code;
  };
  try {
    await until("\nNodens-");
  } catch (error) {
    await end();
    throw error;
  }
  return {
    port,
    metricsPort,
    upstream,
    template,
    output: () => text,
    signal: (signal) => void child.kill(signal),
    until,
    end,
  };
}

async function withServer(
  corefile: Corefile,
  script: Script,
  test: (running: Running) => Promise<void>,
  ...words: string[]
): Promise<void> {
  const running = await start(corefile, script, ...words);
  try {
    await test(running);
  } finally {
    assert.equal(await running.end(), 0, running.output());
  }
}

const ask = async (
  { port }: Running,
  name: string,
  options: Parameters<typeof queryFor>[2] = {},
  type = TYPE_A,
): Promise<Message> => decodeMessage(await askUdp({ port, wire: queryFor(name, type, options), timeoutMs: 8000 }));

/** Questions other than those by which the server finds out whether anybody answers. */
const asked = ({ upstream }: Running, name: string): number =>
  upstream.queries.filter((query) => query.name === name && query.type !== 2).length;

describe("node-cache starts where node-cache does", () => {
  it("with -localip of two families; instead: it was exit 1, `unexpected IP Family`", async () => {
    await withServer(
      FORWARDING,
      answerA("192.0.2.1", 60),
      async (running) => {
        assert.match(running.output(), /^\.:\d+ on ::1$/m);
        assert.equal((await ask(running, "a.example.org")).answers.length, 1);
      },
      "-localip",
      "127.0.0.1,::1",
    );
  });

  it("with -syncinterval 30; instead: it was exit 2, for only `30ns` was a way to say 30 seconds", async () => {
    await withServer(
      FORWARDING,
      answerA("192.0.2.1", 60),
      async (running) => {
        assert.equal((await ask(running, "a.example.org")).answers.length, 1);
      },
      "-syncinterval",
      "30",
    );
  });

  it("with an empty Corefile: who asks is told who it is", async () => {
    await withServer(
      () => "",
      silence(),
      async (running) => {
        const { additional } = await ask(running, "a.example.org");
        assert.equal(additional.length, 2);
      },
    );
  });

  it("with `#` inside a word, where a comment begins: 127.0.0.1#53 is 127.0.0.1", async () => {
    const corefile: Corefile = (port) => `.:${port} {\n    bind 127.0.0.1\n    forward . 127.0.0.1#53\n}\n`;
    await withServer(corefile, silence(), async () => {});
  });

  it("with `ready` in the Corefile; instead: node-cache was built without that plugin and exited 1", async () => {
    const corefile: Corefile = (port, upstream) => FORWARDING(port, upstream).replace("errors", "ready 127.0.0.1:0");
    await withServer(corefile, answerA("192.0.2.1", 60), async () => {});
  });
});

describe("node-cache answers as node-cache does", () => {
  let running: Running;
  let script: Script = silence();
  before(async () => {
    running = await start(FORWARDING, (query) => script(query));
  });
  after(async () => assert.equal(await running.end(), 0, running.output()));

  const ttl = async (name: string, upstreamTtl: number): Promise<number | undefined> => {
    script = answerA("192.0.2.1", upstreamTtl);
    return (await ask(running, name)).answers[0]?.ttl;
  };

  it("a TTL of 0 is 5, one of 3600 is 30", async () => {
    assert.equal(await ttl("t0.example.org", 0), 5);
    assert.equal(await ttl("t3600.example.org", 3600), 30);
  });

  it("an NXDOMAIN whose SOA has 3600 is held for 5 s, and the second query is a hit", async () => {
    script = nxdomain(3600, 3600);
    for (let i = 0; i < 2; i++) {
      const message = await ask(running, "nx.example.org");
      assert.deepEqual([message.rcode, message.authority[0]?.ttl], [3, 5]);
    }
    assert.equal(asked(running, "nx.example.org."), 1);
  });

  it("REFUSED is relayed; instead of not at all it is held for 1 to 2 s (RFC 9520 §3.2)", async () => {
    script = refused();
    for (let i = 0; i < 2; i++) assert.equal((await ask(running, "re.example.org")).rcode, 5);
    assert.equal(asked(running, "re.example.org."), 1);
    await sleep(2100);
    await ask(running, "re.example.org");
    assert.equal(asked(running, "re.example.org."), 2);
  });

  it("SERVFAIL is a hit for 5 s", async () => {
    script = servfail();
    for (let i = 0; i < 3; i++) assert.equal((await ask(running, "sf.example.org")).rcode, 2);
    assert.equal(asked(running, "sf.example.org."), 1);
  });

  it("CH TXT is REFUSED and no answer to IN TXT; instead: it was forwarded, and its answer given to both", async () => {
    script = (query) => ({ reply: respond(query, { rcode: 3 }) });
    assert.equal((await ask(running, "v.example.org", { class: CLASS_CH }, TYPE_TXT)).rcode, 5);
    assert.equal((await ask(running, "v.example.org", {}, TYPE_TXT)).rcode, 3);
    assert.equal(asked(running, "v.example.org."), 1);
  });

  it("an OPT of size 100 gets an OPT; instead of 100 it says what we take, 1232 (RFC 6891 §6.2.3)", async () => {
    script = answerA("192.0.2.1", 60);
    assert.equal((await ask(running, "o.example.org", { opt: 100 })).edns?.udpSize, 1232);
  });

  it("20 equal misses at once are one question; instead: they were 20", async () => {
    script = async (query) => ({ delayMs: 100, ...(await answerA("192.0.2.1", 60)(query)) });
    await Promise.all(Array.from({ length: 20 }, () => ask(running, "miss.example.org")));
    assert.equal(asked(running, "miss.example.org."), 1);
  });

  it("60 addresses are cut to fit 512 bytes with TC; instead of 30 of them there are none or all: an RRset stays whole", async () => {
    script = (query) => ({
      reply: respond(query, {
        answers: Array.from({ length: 60 }, (_, i) => ({ type: TYPE_A, ttl: 60, rdata: Uint8Array.of(192, 0, 2, i) })),
      }),
    });
    const wire = await askUdp({ port: running.port, wire: queryFor("big.example.org", TYPE_A) });
    assert.ok(wire.length <= 512, `${wire.length}`);
    assert.equal((wire[2] ?? 0) & 2, 2, "TC");
  });

  it("a query of 600 bytes is answered; instead: FORMERR, for only 512 bytes were read", async () => {
    script = answerA("192.0.2.1", 60);
    const plain = queryFor("long.example.org", TYPE_A, { opt: 1232 });
    const padding = 600 - plain.length - 4;
    const wire = Uint8Array.from([...plain, 0, 12, padding >> 8, padding & 0xff, ...new Uint8Array(padding)]);
    wire.set([(padding + 4) >> 8, (padding + 4) & 0xff], plain.length - 2);
    assert.equal(wire.length, 600);
    const message = decodeMessage(await askUdp({ port: running.port, wire }));
    assert.deepEqual([message.rcode, message.answers.length], [0, 1]);
  });

  it("an upstream that is silent is SERVFAIL before 4.5 s; instead: at 6.0 s, when clients have gone", async () => {
    script = silence();
    const startMs = performance.now();
    assert.equal((await ask(running, "silent.example.org")).rcode, 2);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < 4500, `${tookMs} ms`);
  });

  it("a reload with a wrong Corefile: the old one answers, and that is counted", async () => {
    script = answerA("192.0.2.1", 60);
    writeFileSync(running.template, ".:53 {\n    forward\n}\n");
    await running.until("the configuration in use stays: ");
    assert.equal((await ask(running, "still.example.org")).answers.length, 1);
    const metrics = await (await fetch(`http://127.0.0.1:${running.metricsPort}/metrics`)).text();
    assert.match(metrics, /^coredns_reload_failed_total 1$/m);
    assert.match(metrics, /^coredns_nodecache_setup_errors_total\{errortype="configmap"\} 1$/m);
  });
});
