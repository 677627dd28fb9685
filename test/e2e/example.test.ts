/** What a newcomer does first: `npm start`, the commands that it prints, Ctrl-C. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { missing } from "../support/machine.ts";
import { run } from "../support/nodens-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The system's resolver of the namespace. */
const SYSTEM_COREFILE = `. {
    bind 127.0.0.53
    hosts {
        192.0.2.80 example.org
    }
}
`;

/** Runs the example in a network of its own, so that its ports are free, and does what it says. */
function script(folder: string): string {
  return `set -e
cd ${ROOT}
ip link set lo up
mount --bind ${folder}/resolv.conf /etc/resolv.conf
${process.execPath} bin/nodens.js serve -c ${folder}/Corefile >${folder}/system.log 2>&1 &
system=$!
until grep -q '^Nodens-' ${folder}/system.log; do kill -0 $system; sleep 0.05; done
${process.execPath} scripts/with-runtime.js bin/nodens.js serve --example >${folder}/log 2>&1 &
server=$!
until grep -q 'Ctrl-C ends it' ${folder}/log; do kill -0 $server; sleep 0.05; done
grep '^  dig ' ${folder}/log | while read -r command; do
  echo "$command"
  $command +short
done
dig @127.0.0.1 -p 1053 +short -x 10.96.0.10
dig @127.0.0.1 -p 1053 nowhere.cluster.local | grep -o 'status: [A-Z]*'
for url in $(grep -o 'http://[^ ,]*' ${folder}/log) http://127.0.0.1:8181/ready; do
  ${process.execPath} -e 'fetch(process.argv[1]).then(async (r) => console.log(process.argv[1], r.status, (await r.text()).length > 1))' $url
done
# As a terminal and npm do it: both send the signal.
kill -INT $server; sleep 0.02; kill -INT $server 2>/dev/null || true
code=0; wait $server || code=$?
echo "ended with $code"
kill $system; wait $system
`;
}

describe("npm start", { skip: missing("linux", "namespaces", "ip", "dig") }, () => {
  let folder = "";
  let output = "";
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "nodens-example-"));
    writeFileSync(join(folder, "resolv.conf"), "nameserver 127.0.0.53\n");
    writeFileSync(join(folder, "Corefile"), SYSTEM_COREFILE);
    const namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    output = await run("unshare", [...namespaces, "bash", "-c", script(folder)], 30_000);
  });
  after(() => rmSync(folder, { recursive: true }));

  it("prints three commands, and each answers", () => {
    const answers = [...output.matchAll(/^dig @127\.0\.0\.1 -p 1053 (.+)\n(.+)$/gm)].map((match) => match.slice(1, 3));
    assert.deepEqual(answers, [
      ["kubernetes.default.svc.cluster.local", "10.96.0.1"],
      ["+tcp AAAA web.shop.svc.cluster.local", "fd00:10:96::780b"],
      ["example.org", "192.0.2.80"],
    ]);
  });

  it("knows the names of its addresses, and denies what the cluster does not have", () => {
    assert.match(output, /^kube-dns\.kube-system\.svc\.cluster\.local\.$/m);
    assert.match(output, /^status: NXDOMAIN$/m);
  });

  it("shows metrics, health and readiness on loopback", () => {
    for (const url of [
      "http://127.0.0.1:9253/metrics",
      "http://127.0.0.1:8080/health",
      "http://127.0.0.1:8181/ready",
    ]) {
      assert.ok(output.includes(`${url} 200 true`), `${url}\n${output}`);
    }
  });

  it("ends cleanly on Ctrl-C, also when the signal comes twice", () => assert.match(output, /^ended with 0$/m));
});
