import assert from "node:assert/strict";
import { it } from "node:test";
import { namedPeer, nodens, PEERS } from "./servers.ts";

const launch = { port: 5301, upstreamPort: 5302, forceTcp: false, waiting: 0, directory: "/tmp/x" };

it("tells every server its port and its upstream, and by TCP only where it can", () => {
  for (const kind of [nodens, ...PEERS]) {
    const plan = kind.plan(launch);
    const all = [...(plan?.command ?? []), ...Object.values(plan?.files ?? {})].join("\n");
    assert.match(all, /5301/, kind.name);
    assert.match(all, /5302/, kind.name);
    assert.doesNotMatch(all, /force_tcp|tcpOnly|tcp-upstream: yes/, kind.name);
    const overTcp = Object.values(kind.plan({ ...launch, forceTcp: true })?.files ?? {}).join("\n");
    if (kind.name !== "dnsmasq") assert.match(overTcp, /force_tcp|tcpOnly=true|tcp-upstream: yes/, kind.name);
  }
  assert.equal(PEERS.find((kind) => kind.name === "dnsmasq")?.plan({ ...launch, forceTcp: true }), undefined);
});

it("puts ports and the Corefile's path into a peer's command", () => {
  const plain = namedPeer("x", "/opt/x -p {port} -u {upstream}");
  assert.deepEqual(plain.plan(launch)?.command, ["sh", "-c", "exec /opt/x -p 5301 -u 5302"]);
  assert.equal(plain.plan({ ...launch, forceTcp: true }), undefined);
  const coredns = namedPeer("c", "coredns -conf {corefile}").plan({ ...launch, forceTcp: true });
  assert.deepEqual(coredns?.command, ["sh", "-c", "exec coredns -conf /tmp/x/Corefile"]);
  assert.match(coredns.files["Corefile"] ?? "", /forward \. 127\.0\.0\.1:5302 \{\n {8}force_tcp\n/);
});
