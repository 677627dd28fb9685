import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ANCOUNT_AT, FLAGS_AT, RCODE_MASK, readU16 } from "../../../dns/header.ts";
import { TYPE_A } from "../../../dns/types.ts";
import { askUdp, NoAnswer, queryFor } from "../../../../test/support/dns-client.ts";
import { runServer } from "../../../../test/support/running-server.ts";
import { answerA, startUpstream } from "../../../../test/support/scripted-upstream.ts";
import { answering, chainOf, setUp, testQuery } from "../../../../test/support/setup-context.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { acl } from "./acl.ts";

const corefile = (text: string, key = "."): string => `${key} {\n${text}\n}`;

describe("acl syntax", () => {
  for (const policy of [
    "block type A net 192.168.0.0/16",
    "BLOCK TYPE * NET *",
    "allow net 192.168.1.0/24\nblock net 192.168.0.0/16",
    "filter type TXT ANY CNAME net 192.168.3.0/24 192.168.5.7",
    "drop net 2001:db8:abcd:0012::0/64 2001:db8:85a3::8a2e:370:7334/64",
    "block type A net 2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "block",
    "block type A type AAAA net 192.0.2.1 net 192.0.2.2",
  ]) {
    it(`takes ${policy.replaceAll("\n", "; ")}`, () => {
      setUp(acl, corefile(`acl {\n${policy}\n}`), { metrics: Metrics.create({ threads: 1 }) });
    });
  }

  for (const [policy, message] of [
    ["blck type A", "Corefile:3:1: unexpected token 'blck'; expect 'allow', 'block', 'filter' or 'drop'"],
    ["block A net 192.168.0.0/16", "Corefile:3:7: unexpected token 'A'; expect 'type | net'"],
    ["block type net 192.168.0.0/16", "Corefile:3:7: no token specified in 'type' section"],
    ["block type A net", "Corefile:3:14: no token specified in 'net' section"],
    ["block type ABC", "Corefile:3:12: unexpected token 'ABC'; expect legal QTYPE"],
    ["block type a", "Corefile:3:12: unexpected token 'a'; expect legal QTYPE"],
    ["block net 192.168.0/16", "Corefile:3:11: illegal CIDR notation '192.168.0/16'"],
    ["block net 192.168.0.0/33", "Corefile:3:11: illegal CIDR notation '192.168.0.0/33'"],
    ["block net 192.168.0.0/", "Corefile:3:11: illegal CIDR notation '192.168.0.0/'"],
    ["block net 192.168.0.0/16/2", "Corefile:3:11: illegal CIDR notation '192.168.0.0/16/2'"],
    ["block net 2001::85a3::8a2e:370:7334", "Corefile:3:11: illegal CIDR notation '2001::85a3::8a2e:370:7334'"],
    ["block net ::1/129", "Corefile:3:11: illegal CIDR notation '::1/129'"],
    ["block net fe80::1%eth0", "Corefile:3:11: illegal CIDR notation 'fe80::1%eth0'"],
    ["block net example.org", "Corefile:3:11: illegal CIDR notation 'example.org'"],
  ] as const) {
    it(`refuses ${policy}`, () => {
      assert.throws(() => setUp(acl, corefile(`acl {\n${policy}\n}`)), { code: "NODENS_CONFIG", message });
    });
  }
});

/** What becomes of a query. */
async function outcome(text: string, client: string, name: string, type: string): Promise<string> {
  const metrics = Metrics.create({ threads: 1 });
  const { instance, context } = setUp(acl, corefile(text, "example.org"), { metrics });
  assert.ok(context.seesEveryQuery);
  const next = answering();
  const query = testQuery(name, type, { client });
  const answer = await chainOf(instance, next).serve(query);
  if (next.queries.length > 0) return "allowed";
  assert.equal(answer.plugin, "acl");
  if (answer.dropped === true) return "dropped";
  assert.equal(readU16(answer.wire, ANCOUNT_AT), 0);
  return `${readU16(answer.wire, FLAGS_AT) & RCODE_MASK} EDE ${answer.extendedError?.code}`;
}

const REFUSED = "5 EDE 15";
const FILTERED = "0 EDE 17";

describe("acl", () => {
  for (const [policies, client, type, expected] of [
    ["block type A net 192.168.0.0/16", "192.168.0.2", "A", REFUSED],
    ["block type A net 192.168.0.0/16", "192.167.0.2", "A", "allowed"],
    ["block type A net 192.168.0.0/16", "192.168.0.2", "AAAA", "allowed"],
    ["block type * net 192.168.0.0/16", "192.168.0.2", "AAAA", REFUSED],
    ["block type A", "10.1.0.2", "A", REFUSED],
    ["block type A", "10.1.0.2", "AAAA", "allowed"],
    ["block type TXT A type MX", "10.1.0.2", "MX", REFUSED],
    ["block net 192.168.1.2", "192.168.1.2", "A", REFUSED],
    ["block net 192.168.1.2", "192.168.1.3", "A", "allowed"],
    ["block net 192.168.1.77/24", "192.168.1.3", "A", REFUSED],
    ["block net 10.0.0.0/8 *", "192.168.1.3", "A", REFUSED],
    ["filter type A net 192.168.0.0/16", "192.168.0.2", "A", FILTERED],
    ["filter type A net 192.168.0.0/16", "192.167.0.2", "A", "allowed"],
    ["allow net 192.168.0.0/16\nblock", "192.168.0.2", "A", "allowed"],
    ["allow net 192.168.0.0/16\nblock", "10.1.0.2", "A", REFUSED],
    ["drop net 192.168.0.0/16", "192.168.0.2", "A", "dropped"],
    ["block net 192.168.1.0/24\ndrop net 192.168.0.0/16", "192.168.1.2", "A", REFUSED],
    ["drop net 192.168.0.0/16\nblock net 192.168.1.0/24", "192.168.1.1", "A", "dropped"],
    ["block net 2001:db8:abcd:0012::0/64", "2001:db8:abcd:0012:ffff:ffff:ffff:ffff", "A", REFUSED],
    ["block net 2001:db8:abcd:0012::0/64", "2001:db8:abcd:0013::1", "A", "allowed"],
    ["block net 0.0.0.0/0", "2001:db8::1", "A", "allowed"],
    ["block net ::/0", "192.0.2.1", "A", "allowed"],
    ["block net 192.0.2.0/24", "::ffff:192.0.2.1", "A", REFUSED],
  ] as const) {
    it(`${policies.replaceAll("\n", "; ")}: ${type} from ${client} is ${expected}`, async () => {
      assert.equal(await outcome(`acl {\n${policies}\n}`, client, "www.example.org", type), expected);
    });
  }

  it("judges names below its zones", async () => {
    const text = "acl a.example.org {\nblock net 192.168.1.0/24\n}\nacl b.example.org {\nblock net 192.168.2.0/24\n}";
    assert.equal(await outcome(text, "192.168.1.2", "X.A.example.org", "A"), REFUSED);
    assert.equal(await outcome(text, "192.168.1.2", "b.example.org", "A"), "allowed");
    assert.equal(await outcome(text, "192.168.2.2", "b.example.org", "A"), REFUSED);
    assert.equal(await outcome(text, "192.168.2.2", "www.example.org", "A"), "allowed");
  });

  it("asks a second acl where no policy of the first fits, but not where one allows", async () => {
    const second = "acl {\nfilter\n}";
    assert.equal(await outcome(`acl {\nblock type MX\n}\n${second}`, "192.0.2.1", "example.org", "A"), FILTERED);
    assert.equal(await outcome(`acl {\nallow type A\n}\n${second}`, "192.0.2.1", "example.org", "A"), "allowed");
  });

  it("counts by what it did, with the zone that decided", async () => {
    const metrics = Metrics.create({ threads: 1 });
    const text = corefile("acl . a.example.org {\nblock type A\nfilter type MX\ndrop type TXT\n}");
    const chain = chainOf(setUp(acl, text, { metrics, view: "v" }).instance);
    for (const type of ["A", "MX", "TXT", "AAAA", "AAAA"]) await chain.serve(testQuery("x.a.example.org", type));
    const server = "dns://127.0.0.1:5300";
    const zone = "a.example.org.";
    assert.equal(metrics.counter("coredns_acl_blocked_requests_total").with(server, zone, "v").value, 1);
    assert.equal(metrics.counter("coredns_acl_filtered_requests_total").with(server, zone, "v").value, 1);
    assert.equal(metrics.counter("coredns_acl_dropped_requests_total").with(server, zone, "v").value, 1);
    assert.equal(metrics.counter("coredns_acl_allowed_requests_total").with(server, "v").value, 2);
  });

  it("stands in front of cached answers", async () => {
    const upstream = await startUpstream({ script: answerA("192.0.2.7", 60) });
    const text = (policy: string): string =>
      `. {\nacl {\n${policy}\n}\ncache 30\nforward . 127.0.0.1:${upstream.port}\n}`;
    try {
      const running = await runServer(text("block net 10.0.0.0/8"));
      const ask = (opt: number): Promise<Uint8Array> =>
        askUdp({ port: running.port, wire: queryFor("example.org", TYPE_A, { opt }), timeoutMs: 300 });
      try {
        for (let i = 0; i < 2; i++) assert.equal(readU16(await ask(1232), ANCOUNT_AT), 1);
        running.configure(text("block net 127.0.0.0/8"));
        await running.server.reload();
        const refused = await ask(1232);
        assert.equal(readU16(refused, FLAGS_AT) & RCODE_MASK, 5);
        // OPT with one option: extended error 15.
        assert.deepEqual(refused.slice(-8), Uint8Array.of(0, 6, 0, 15, 0, 2, 0, 15));
        running.configure(text("drop"));
        await running.server.reload();
        await assert.rejects(ask(1232), NoAnswer);
        assert.equal(upstream.queries.length, 1);
      } finally {
        await running.stop();
      }
    } finally {
      await upstream.close();
    }
  });
});
