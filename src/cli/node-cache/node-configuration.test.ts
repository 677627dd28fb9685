import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { describeError } from "../../base/errors.ts";
import { MemoryLog } from "../../base/log.ts";
import { systemSources } from "../../server/corefile/load.ts";
import { printCorefile } from "../../server/corefile/print.ts";
import type { Corefile } from "../../server/corefile/tree.ts";
import { FLAGS, settingsOf } from "./flags.ts";
import { parseGoFlags } from "./go-flags.ts";
import { NodeConfiguration, type Reloadable } from "./node-configuration.ts";

const TEMPLATE = ".:53 {\n    bind __PILLAR__LOCAL__DNS__\n    forward . __PILLAR__UPSTREAM__SERVERS__\n}\n";
const STUB = '{"acme.local": ["192.0.2.1"]}';
const PATIENCE_MS = 5000;

/** Takes every configuration but those that name `refused`. */
class FakeServer implements Reloadable {
  readonly #load: () => Corefile;
  reloads = 0;
  text = "";

  constructor(load: () => Corefile) {
    this.#load = load;
  }

  start(): this {
    const corefile = this.#load();
    const text = printCorefile(corefile);
    if (text.includes("refused")) throw new Error("refused.local: it is already defined");
    this.text = text;
    return this;
  }

  async reload(): Promise<string | undefined> {
    this.reloads++;
    try {
      this.start();
      return undefined;
    } catch (error) {
      return describeError(error);
    }
  }
}

let folder = "";
let log = new MemoryLog();
let configurations: NodeConfiguration[] = [];

function made(...words: string[]): { readonly configuration: NodeConfiguration; readonly printed: string[] } {
  const at = (name: string): string => join(folder, name);
  const flags = ["-localip", "169.254.20.10", "-basecorefile", at("base/Corefile.base"), "-conf", at("Corefile")];
  const parsed = parseGoFlags(FLAGS, [...flags, "-kubednscm", at("kube-dns"), ...words]);
  const settings = parsed.kind === "parsed" ? settingsOf(parsed.values) : assert.fail();
  if (typeof settings === "string") assert.fail(settings);
  const printed: string[] = [];
  log = new MemoryLog();
  const sources = systemSources(() => {});
  const environment = { KUBE_DNS_SERVICE_HOST: "10.96.0.99" };
  const print = (text: string): void => void printed.push(text);
  const configuration = new NodeConfiguration({ settings, environment, sources, log, print });
  configurations.push(configuration);
  return { configuration, printed };
}

async function begun(
  again = false,
  ...words: string[]
): Promise<{ configuration: NodeConfiguration; server: FakeServer }> {
  const { configuration } = made(...words);
  const server = await configuration.begin(async () => new FakeServer(configuration.load).start(), again);
  return { configuration, server };
}

async function until(holds: () => boolean): Promise<void> {
  for (const endsAt = performance.now() + PATIENCE_MS; !holds(); await sleep(10)) {
    assert.ok(performance.now() < endsAt, `in time: ${log.lines.join("\n")}`);
  }
}

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const inFile = (): string => readFileSync(join(folder, "Corefile"), "utf8");

describe("the configuration of a node-cache", () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nodens-test-"));
    for (const name of ["base", "kube-dns"]) mkdirSync(join(folder, name));
    write("base/Corefile.base", TEMPLATE);
    configurations = [];
  });
  afterEach(() => {
    for (const configuration of configurations) configuration.close();
    rmSync(folder, { recursive: true });
  });

  it("is made of the template and the ConfigMap, used, written and told", async () => {
    write("kube-dns/stubDomains", STUB);
    const { server, configuration } = await begun();
    assert.match(server.text, /acme\.local/);
    assert.match(inFile(), /^\.:53 \{\n {4}bind 169\.254\.20\.10\n[\s\S]*acme\.local:53 \{/);
    assert.deepEqual(readdirSync(folder).toSorted(), ["Corefile", "base", "kube-dns"], "nothing is left beside it");
    assert.ok(
      log.lines.includes("[INFO] Updated Corefile with 1 custom stubdomains and upstream servers /etc/resolv.conf"),
    );
    assert.ok(log.lines.includes("[INFO] Using config file:"));
    assert.equal(configuration.errors, 0);
  });

  it("changes within 2 s when the ConfigMap does, as the kubelet swaps it, and again", async () => {
    rmSync(join(folder, "kube-dns"), { recursive: true });
    const swap = (n: number, text: string): void => {
      mkdirSync(join(folder, "kube-dns", `..${n}`), { recursive: true });
      write(`kube-dns/..${n}/stubDomains`, text);
      symlinkSync(`..${n}`, join(folder, "kube-dns", "..next"));
      renameSync(join(folder, "kube-dns", "..next"), join(folder, "kube-dns", "..data"));
    };
    swap(1, "{}");
    symlinkSync("..data/stubDomains", join(folder, "kube-dns", "stubDomains"));
    const { server } = await begun();
    for (const [n, name] of ["one.local", "two.local"].entries()) {
      const changedAt = performance.now();
      swap(n + 2, JSON.stringify({ [name]: ["192.0.2.1"] }));
      await until(() => server.text.includes(name) && inFile().includes(name));
      assert.ok(performance.now() - changedAt < 2000);
    }
  });

  it("changes when the folder of the ConfigMap comes later", async () => {
    rmSync(join(folder, "kube-dns"), { recursive: true });
    const { server } = await begun();
    mkdirSync(join(folder, "kube-dns"));
    write("kube-dns/stubDomains", STUB);
    await until(() => server.text.includes("acme.local"));
  });

  it("stays when the server refuses the next one, which is told and counted once, and not tried again", async () => {
    const { server, configuration } = await begun();
    const before = inFile();
    write("base/Corefile.base", TEMPLATE.replace(".:53", "refused.local:53"));
    await until(() => configuration.errors > 0);
    await sleep(2500);
    assert.equal(configuration.errors, 1);
    assert.equal(server.reloads, 1);
    assert.equal(inFile(), before);
    assert.ok(!printCorefile(configuration.load()).includes("refused"));
    assert.ok(log.lines.some((line) => line.startsWith("[ERROR] the configuration in use stays: refused.local")));
    write("base/Corefile.base", TEMPLATE.replace(".:53", "good.local:53"));
    await until(() => server.text.includes("good.local"));
  });

  it("stays when the ConfigMap cannot be read, and follows it when it can again", async () => {
    write("kube-dns/stubDomains", "{");
    const { server, configuration } = await begun();
    assert.doesNotMatch(server.text, /acme/);
    await sleep(1200);
    assert.equal(configuration.errors, 1);
    write("kube-dns/stubDomains", STUB);
    await until(() => server.text.includes("acme.local"));
    write("kube-dns/stubDomains", "[]");
    await until(() => configuration.errors === 2);
    assert.match(server.text, /acme\.local/);
  });

  it("starts without the ConfigMap when a server does not start with it", async () => {
    write("kube-dns/stubDomains", '{"refused.local": ["192.0.2.1"]}');
    const { server, configuration } = await begun();
    assert.match(server.text, /^\.:53/);
    assert.equal(configuration.errors, 1);
    assert.match(log.lines.join("\n"), /\[ERROR\] the kube-dns configmap is not used: refused\.local: it is already/);
  });

  it("is no reason to start when neither can be used", async () => {
    write("base/Corefile.base", "refused.local:53 {\n}\n");
    write("kube-dns/stubDomains", STUB);
    await assert.rejects(begun(), /refused\.local: it is already defined/);
  });

  it("is what was in use before, when a server starts again beside a template that is refused", async () => {
    write("Corefile", ".:53 {\n    bind 169.254.20.10\n}\n");
    write("base/Corefile.base", "refused.local:53 {\n}\n");
    const { server, configuration } = await begun(true);
    assert.match(server.text, /^\.:53/);
    await until(() => configuration.errors === 1);
    assert.match(server.text, /^\.:53/);
  });

  it("is made anew when what was in use before cannot be used any more", async () => {
    write("Corefile", "refused.local:53 {\n}\n");
    const { server, configuration } = await begun(true);
    assert.match(server.text, /^\.:53/);
    assert.equal(configuration.errors, 1);
    assert.match(inFile(), /^\.:53/);
  });

  it("is the file as it is, when there is no template", async () => {
    rmSync(join(folder, "base"), { recursive: true });
    write("Corefile", "there.local:53 {\n}\n");
    const { server, configuration } = await begun();
    assert.match(server.text, /there\.local/);
    assert.equal(configuration.errors, 1);
    assert.match(log.lines.join("\n"), /Failed to read node-cache coreFile .*Corefile\.base - ENOENT/);
  });

  it("is kept in memory where the file cannot be written", async () => {
    const { server, configuration } = await begun(false, "-conf", join(folder, "no/such/folder/Corefile"));
    assert.match(log.lines.join("\n"), /\[WARNING\] cannot write .*: the Corefile in use is kept in memory/);
    write("kube-dns/stubDomains", STUB);
    await until(() => server.text.includes("acme.local"));
    assert.match(printCorefile(configuration.load()), /acme\.local/);
    assert.equal(configuration.errors, 0);
  });

  it("is CoreDNS's own when the template is empty", async () => {
    write("base/Corefile.base", "");
    const { server } = await begun(false, "-p", "1053");
    assert.match(server.text, /^\.:1053 \{\n\s+whoami/);
  });
});
