/**
 * RFC 8020: a name that does not exist has nothing below it.
 *
 * A cache may draw that conclusion. This one does not: upstreams differ by zone, and a denial of `local.` by one of them
 * must not take `cluster.local.` away, which lives at another.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ForwardingServer, forwardingServer } from "../../support/forwarding-server.ts";
import { answerA, nxdomain, type ScriptedUpstream, startUpstream } from "../../support/scripted-upstream.ts";

const A = 1;
const NXDOMAIN = 3;

describe("§2: that nothing is below a denied name is a conclusion which a resolver need not draw", () => {
  let cluster: ScriptedUpstream;
  let server: ForwardingServer;
  before(async () => {
    cluster = await startUpstream({ script: answerA("10.96.0.1", 60) });
    server = await forwardingServer(
      { local: nxdomain(300, 300), example: nxdomain(300, 300) },
      `. {
    cache
    forward cluster.local 127.0.0.1:${cluster.port}
    forward . 127.0.0.1:PORT
}
`,
    );
  });
  after(async () => {
    await server.stop();
    await cluster.close();
  });

  it("a denied zone above does not deny what another upstream has", async () => {
    assert.equal((await server.udp("local.", A)).rcode, NXDOMAIN);
    assert.equal((await server.udp("kubernetes.default.svc.cluster.local.", A)).answers.length, 1);
    assert.equal(cluster.queries.length, 1);
  });
  it("nor what the same upstream has", async () => {
    assert.equal((await server.udp("example.org.", A)).rcode, NXDOMAIN);
    assert.equal((await server.udp("www.example.org.", A)).answers.length, 1);
  });
});
