/** Pairs of replies over a link that is no loopback, and over one whose packets are shorter than a reply. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { missing } from "../support/machine.ts";
import { run } from "../support/nodens-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Even, and few enough for the client's socket to hold the replies. */
const QUERIES = 80;
/** Addresses of `large.test`: 1,100 bytes and more in a reply. */
const ADDRESSES = 66;

const COREFILE = `. {
    bind 10.9.0.1
    prometheus 127.0.0.1:9153
    cache
    hosts {
        192.0.2.1 small.test
${Array.from({ length: ADDRESSES }, (_, i) => `        192.0.2.${i + 10} large.test`).join("\n")}
    }
}
`;

/** Asks once, then many times from one socket while the server stands still, and says how many replies came. */
const CLIENT = `
import { createSocket } from "node:dgram";
import { readdirSync, readFileSync } from "node:fs";
import { queryFor } from "${ROOT}test/support/dns-client.ts";
const [name, server] = process.argv.slice(2);
const socket = createSocket("udp4");
const ids = new Set();
socket.on("message", (reply) => ids.add(reply.readUInt16BE(0)));
const send = (id) => new Promise((resolve) => socket.send(queryFor(name, 1, { id, opt: 1232 }), 53, "10.9.0.1", resolve));
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));
// A thread stops when it next leaves the kernel, which on a busy machine may be after it has answered some.
const standsStill = () =>
  readdirSync("/proc/" + server + "/task").every((thread) =>
    / T /.test(readFileSync("/proc/" + server + "/task/" + thread + "/stat", "latin1").replace(/^.*\\)/s, "")),
  );
const until = async (count) => {
  const end = Date.now() + 15000;
  while (ids.size < count && Date.now() < end) await pause();
};
await send(0);
await until(1);
process.kill(Number(server), "SIGSTOP");
while (!standsStill()) await pause();
await Promise.all(Array.from({ length: ${QUERIES} }, (_, i) => send(i + 1)));
await pause();
process.kill(Number(server), "SIGCONT");
await until(${QUERIES} + 1);
console.log("replies", ids.size - 1);
socket.close();
`;

function script(folder: string): string {
  const node = process.execPath;
  return `set -e
ip link set lo up
unshare --net sleep 60 & peer=$!
until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add server type veth peer name client netns $peer
ip addr add 10.9.0.1/24 dev server
ip link set server up
nsenter -t $peer -n ip addr add 10.9.0.2/24 dev client
nsenter -t $peer -n ip link set client up
${node} ${ROOT}bin/nodens.js serve --no-keeper -c ${folder}/Corefile >${folder}/log 2>&1 & server=$!
until grep -q '^Nodens-' ${folder}/log; do kill -0 $server; sleep 0.05; done
figures() { ${node} -e 'fetch("http://127.0.0.1:9153/metrics").then(async (r) => console.log((await r.text()).match(/^nodens_fastpath_(gso_pairs|send_errors)_total.*/gm).join("\\n")))'; }
for mtu in 1500 800; do
  ip link set server mtu $mtu
  for name in small.test. large.test.; do
    echo "# $name over packets of $mtu bytes"
    nsenter -t $peer -n ${node} ${folder}/client.mjs $name $server
    figures
  done
done
kill $server; wait $server
kill $peer
`;
}

describe("pairs of replies", { skip: missing("linux", "namespaces", "ip", "nsenter") }, () => {
  let folder = "";
  let output = "";
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "nodens-segments-"));
    writeFileSync(join(folder, "Corefile"), COREFILE);
    writeFileSync(join(folder, "client.mjs"), CLIENT);
    const namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    output = await run("unshare", [...namespaces, "bash", "-c", script(folder)], 40_000);
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What a part of the script's output says. */
  const part = (title: string): { replies: number; pairs: number; errors: number } => {
    const text = output.split("# ").find((one) => one.startsWith(`${title}\n`)) ?? assert.fail(output);
    const sum = (pattern: RegExp): number =>
      [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
    return {
      replies: sum(/^replies (\d+)$/gm),
      pairs: sum(/^nodens_fastpath_gso_pairs_total (\d+)$/gm),
      errors: sum(/^nodens_fastpath_send_errors_total\S* (\d+)$/gm),
    };
  };

  it("are made over a link that is no loopback", () => {
    assert.deepEqual(part("small.test. over packets of 1500 bytes"), {
      replies: QUERIES,
      pairs: QUERIES / 2,
      errors: 0,
    });
    assert.deepEqual(part("large.test. over packets of 1500 bytes"), { replies: QUERIES, pairs: QUERIES, errors: 0 });
  });

  it("are sent apart where packets are shorter than a reply, and all arrive", () => {
    const { replies, errors } = part("large.test. over packets of 800 bytes");
    assert.deepEqual({ replies, errors }, { replies: QUERIES, errors: 0 });
    assert.equal(part("small.test. over packets of 800 bytes").replies, QUERIES);
  });
});
