/**
 * Real clients against a real process: dig, kdig, glibc's getent in namespaces of its own, dnsperf.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { missing } from "../support/machine.ts";
import { answerA, type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";
import { type NodensProcess, run, startNodens } from "../support/nodens-process.ts";

const HOSTS = "10.96.0.1 kubernetes.default.svc.cluster.local\n        fd00::1 kubernetes.default.svc.cluster.local";

describe("real clients", () => {
  let upstream: ScriptedUpstream;
  let nodens: NodensProcess;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "nodens-clients-"));
    upstream = await startUpstream({ script: answerA("192.0.2.53", 300) });
    nodens = await startNodens(
      (port) => `cluster.local:${port} {
    bind 127.0.0.1
    errors
    cache 30
    hosts {
        ${HOSTS}
    }
}
.:${port} {
    bind 127.0.0.1
    errors
    cache 30
    forward . 127.0.0.1:${upstream.port}
}
`,
    );
  });
  after(async () => {
    assert.equal(await nodens.end(), 0);
    await upstream.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const dig = (...args: string[]): Promise<string> =>
    run("dig", ["@127.0.0.1", "-p", String(nodens.port), "+time=2", "+tries=1", ...args]);

  it("dig gets cluster names and forwarded names, over UDP and TCP", { skip: missing("dig") }, async () => {
    for (const transport of ["+notcp", "+tcp"]) {
      assert.match(await dig(transport, "+short", "kubernetes.default.svc.cluster.local"), /^10\.96\.0\.1$/m);
      assert.match(await dig(transport, "+short", "AAAA", "kubernetes.default.svc.cluster.local"), /^fd00::1$/m);
      assert.match(await dig(transport, "+short", "www.example.org"), /^192\.0\.2\.53$/m);
    }
    assert.match(await dig("www.example.org"), /flags: qr rd ra;[^]*EDNS: version: 0, flags:; udp: 1232/);
  });

  it("kdig keeps one TCP connection open for several questions", { skip: missing("kdig") }, async () => {
    const output = await run("kdig", [
      "@127.0.0.1",
      "-p",
      String(nodens.port),
      "+tcp",
      "+keepopen",
      "+short",
      "a.example.org",
      "kubernetes.default.svc.cluster.local",
      "b.example.org",
    ]);
    assert.deepEqual(output.trim().split("\n"), ["192.0.2.53", "10.96.0.1", "192.0.2.53"]);
  });

  it("glibc's getent resolves through it", { skip: missing("linux", "namespaces", "ip", "getent") }, async () => {
    // Port 53 of a network namespace of our own, with a resolv.conf of our own.
    const resolvConf = join(folder, "resolv.conf");
    writeFileSync(
      resolvConf,
      "nameserver 127.0.0.1\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n",
    );
    const corefile = join(folder, "Corefile");
    writeFileSync(
      corefile,
      `. {\n    bind 127.0.0.1\n    cache 30\n    hosts {\n        ${HOSTS}\n        fallthrough\n    }\n    whoami\n}\n`,
    );
    const script = `set -e
ip link set lo up
mount --bind ${resolvConf} /etc/resolv.conf
printf 'hosts: dns\\n' > ${folder}/nsswitch.conf
mount --bind ${folder}/nsswitch.conf /etc/nsswitch.conf
${process.execPath} ${fileURLToPath(new URL("../../bin/nodens.js", import.meta.url))} serve -c ${corefile} > ${folder}/log &
server=$!
trap 'kill $server; wait $server' EXIT
for i in $(seq 100); do grep -q '^Nodens-' ${folder}/log && break; sleep 0.1; done
getent ahosts kubernetes.default.svc.cluster.local
getent hosts kubernetes
`;
    const output = await run("unshare", ["--net", "--mount", "bash", "-c", script]);
    assert.match(output, /^10\.96\.0\.1\s+STREAM/m);
    assert.match(output, /^fd00::1\s+STREAM/m);
    assert.match(output, /kubernetes\.default\.svc\.cluster\.local/);
  });

  it("dnsperf loses nothing over UDP and TCP", { skip: missing("dnsperf") }, async () => {
    const queries = join(folder, "queries.txt");
    writeFileSync(
      queries,
      Array.from({ length: 50 }, (_, i) => `n${i}.example.org A\n`).join("") +
        "kubernetes.default.svc.cluster.local A\n",
    );
    for (const mode of ["udp", "tcp"]) {
      const output = await run("dnsperf", [
        "-s",
        "127.0.0.1",
        "-p",
        String(nodens.port),
        "-d",
        queries,
        "-m",
        mode,
        "-c",
        "10",
        "-Q",
        "2000",
        "-l",
        "2",
      ]);
      assert.match(output, /Queries lost:\s+0 \(0\.00%\)/);
      assert.match(output, /Response codes:\s+NOERROR \d+ \(100\.00%\)/);
    }
  });
});
