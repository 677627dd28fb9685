import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, describe, it } from "node:test";
import {
  answerA,
  nodata,
  nxdomain,
  refused,
  type Script,
  type ScriptedUpstream,
  servfail,
  silence,
  startUpstream,
} from "../../../../test/support/scripted-upstream.ts";
import {
  answering,
  chainOf,
  directivesOf,
  type FakeContext,
  fakeContext,
  parseText,
  testQuery,
  type TestQueryOptions,
} from "../../../../test/support/setup-context.ts";
import { scanResponse, ResponseScan } from "../../../dns/response-scan.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { DgramPorts } from "../../upstream/dgram-ports.ts";
import { forward } from "./forward.ts";

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});

async function upstream(script: Script): Promise<ScriptedUpstream> {
  const server = await startUpstream({ script });
  opened.push(server);
  return server;
}

interface Running {
  readonly context: FakeContext;
  readonly next: ReturnType<typeof answering>;
  readonly handler: Handler;
  readonly ask: (name: string, type?: string, options?: TestQueryOptions) => Promise<Answer>;
  readonly stop: () => Promise<void>;
}

/** Sets the plugin up from lines of a server block, and starts it. */
async function running(lines: string): Promise<Running> {
  const ports = new DgramPorts();
  const context = fakeContext({ metrics: Metrics.create({ threads: 1 }), ports });
  const instance = forward.setup(directivesOf(`. {\n${lines}\n}`, "forward"), context);
  const next = answering();
  const handler = chainOf(instance, next);
  await instance.start?.();
  const stop = async (): Promise<void> => instance.stop?.("shutdown");
  opened.push({
    close: async () => {
      context.clock.advanceMs(10_000);
      await stop();
      await ports.close();
    },
  });
  const ask: Running["ask"] = (name, type = "A", options = {}) => handler.serve(testQuery(name, type, options));
  return { context, next, handler, ask, stop };
}

function rcode({ wire }: Answer): number {
  return (wire[3] ?? 0) & 15;
}

/** Last byte of the first record's data, or undefined without records. */
function address({ wire }: Answer): number | undefined {
  const scan = new ResponseScan();
  assert.equal(scanResponse(wire, 0, wire.length, scan), 0);
  return scan.answerCount === 0 ? undefined : wire[scan.answerEnd - 1];
}

const at = (server: ScriptedUpstream): string => `127.0.0.1:${server.port}`;

describe("forward", () => {
  it("answers with what the upstream says", async () => {
    const server = await upstream(answerA("192.0.2.7", 60));
    const { ask, next } = await running(`forward . ${at(server)}`);
    const answer = await ask("www.example.org.");
    assert.equal(answer.plugin, "forward");
    assert.equal(answer.error, undefined);
    assert.equal(address(answer), 7);
    assert.equal(next.queries.length, 0);
  });

  it("passes on what is not below FROM, or below a name of except, but never FROM itself", async () => {
    const server = await upstream(answerA("192.0.2.7", 60));
    const { ask, next } = await running(
      `forward example.org ${at(server)} {\nexcept lan.example.org example.org\nexcept 10.0.0.0/8\n}`,
    );
    await ask("EXAMPLE.org.");
    assert.equal(server.queries.length, 1);
    for (const name of ["www.example.org.", "lan.example.org.", "a.LAN.example.org.", "example.com.", "org."])
      await ask(name);
    assert.equal(server.queries.length, 1);
    assert.equal(next.queries.length, 5);
  });

  it("takes the first directive of the block that matches", async () => {
    const servers = await Promise.all([1, 2, 3].map((n) => upstream(answerA(`192.0.2.${n}`, 60))));
    const [lab, local, rest] = servers.map(at);
    const { ask } = await running(
      `forward lab.example.local ${lab}\nforward example.local ${local}\nforward . ${rest}\nforward example.com ${lab}`,
    );
    assert.equal(address(await ask("a.lab.example.local.")), 1);
    assert.equal(address(await ask("a.example.local.")), 2);
    assert.equal(address(await ask("a.example.com.")), 3);
  });

  it("answers SERVFAIL, with the reason for the log and the extended error for the client", async () => {
    const silent = await upstream(silence());
    const { ask, context } = await running(`forward . ${at(silent)}`);
    const asking = ask("www.example.org.", "A", { udpSize: 1232 });
    await silent.untilQueries(1);
    context.clock.advanceMs(4000);
    const answer = await asking;
    assert.equal(rcode(answer), 2);
    assert.match(answer.error?.message ?? "", /^read udp 127\.0\.0\.1:\d+: i\/o timeout$/);
    assert.deepEqual(answer.extendedError, { code: 22, text: "upstream timed out" });

    await silent.close();
    const gone = await running(`forward . ${at(silent)}`);
    const refusal = await gone.ask("www.example.org.");
    assert.equal(rcode(refusal), 2);
    assert.match(refusal.error?.message ?? "", /connection refused$/);
    assert.equal(refusal.extendedError?.code, 23);
  });

  it("refuses what exceeds max_concurrent, and counts it", async () => {
    let answer: (() => void) | undefined;
    const server = await upstream(
      (query) =>
        new Promise((resolve) => {
          answer = () => resolve(answerA("192.0.2.7", 60)(query));
        }),
    );
    const { ask, context } = await running(`forward . ${at(server)} {\nmax_concurrent 2\n}`);
    const asking = [ask("a.example."), ask("a.example.")];
    await server.untilQueries(1);
    const excess = await ask("c.example.");
    assert.equal(rcode(excess), 5);
    assert.equal(excess.error?.message, "concurrent queries exceeded maximum 2");
    const rejects = context.metrics.counter("coredns_forward_max_concurrent_rejects_total").with();
    assert.equal(rejects.value, 1);
    answer?.();
    for (const one of asking) assert.equal(address(await one), 7);
    server.use(answerA("192.0.2.8", 60));
    assert.equal(address(await ask("c.example.")), 8);
  });

  it("gives a rcode of next, and with next_on_nodata an empty answer, to the following directive", async () => {
    const [first, second, third] = await Promise.all([
      upstream(nxdomain(60, 60)),
      upstream(nodata(60, 60)),
      upstream(answerA("192.0.2.3", 60)),
    ]);
    const { ask } = await running(
      `forward . ${at(first)} {\nnext NXDOMAIN\n}\nforward . ${at(second)} {\nnext_on_nodata\n}\nforward . ${at(third)} {\nnext NXDOMAIN\n}`,
    );
    assert.equal(address(await ask("a.example.")), 3);
    second.use(servfail());
    assert.equal(rcode(await ask("b.example.")), 2);
    first.use(refused());
    assert.equal(rcode(await ask("c.example.")), 5);
    first.use(nxdomain(60, 60));
    second.use(nodata(60, 60));
    third.use(nxdomain(60, 60));
    assert.equal(rcode(await ask("d.example.")), 3);
  });

  it("leads next to forward only, not to another plugin", async () => {
    const server = await upstream(nxdomain(60, 60));
    const { ask, next } = await running(`forward . ${at(server)} {\nnext NXDOMAIN\n}`);
    assert.equal(rcode(await ask("a.example.")), 3);
    assert.equal(next.queries.length, 0);
  });

  it("leads next past directives for other zones", async () => {
    const server = await upstream(nxdomain(60, 60));
    const { ask, next } = await running(
      `forward . ${at(server)} {\nnext NXDOMAIN\n}\nforward example.org ${at(server)}`,
    );
    await ask("a.example.");
    assert.equal(next.queries.length, 1);
  });

  it("asks over the client's transport, and with its RD and CD", async () => {
    const server = await upstream(answerA("192.0.2.7", 60));
    const { ask } = await running(`forward . ${at(server)}`);
    await ask("a.example.", "A", { transport: "tcp", recursionDesired: false, checkingDisabled: true });
    const [query] = server.queries;
    assert.equal(query?.transport, "tcp");
    assert.equal(query?.flags, 0x0010);
  });

  it("sends from source_address", async () => {
    const server = await upstream(answerA("192.0.2.7", 60));
    const { ask } = await running(`forward . ${at(server)} {\nsource_address 127.0.0.9\n}`);
    assert.equal(address(await ask("a.example.")), 7);
    assert.equal(address(await ask("b.example.", "A", { transport: "tcp" })), 7);
  });

  it("answers what is in flight when it is stopped", async () => {
    let answer: (() => void) | undefined;
    const server = await upstream(
      (query) =>
        new Promise((resolve) => {
          answer = () => resolve(answerA("192.0.2.7", 60)(query));
        }),
    );
    const { ask, stop } = await running(`forward . ${at(server)}`);
    const asking = ask("a.example.");
    await server.untilQueries(1);
    const stopping = stop();
    answer?.();
    assert.equal(address(await asking), 7);
    await stopping;
  });

  it("reads names of upstreams with the resolvers it is given", async () => {
    const server = await upstream(answerA("127.0.0.1", 60));
    const { ask } = await running(`forward . up.example:${server.port} {\nresolver 127.0.0.1:${server.port}\n}`);
    assert.deepEqual([...new Set(server.queries.map(({ name, type }) => `${name} ${type}`))].toSorted(), [
      "up.example. 1",
      "up.example. 28",
    ]);
    assert.equal(address(await ask("a.example.")), 1);
  });

  it("does not start when a name of an upstream has no address", async () => {
    const server = await upstream(nxdomain(60, 60));
    await assert.rejects(
      running(`forward . up.example {\nresolver 127.0.0.1:${server.port}\n}`),
      /Corefile:2:11: failed to resolve "up\.example"/,
    );
  });
});

describe("the examples of the README", () => {
  const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
  const examples = [...readme.matchAll(/^```corefile\n(.*?)^```$/gms)].map((match) => match[1] ?? "");

  it("are there", () => assert.ok(examples.length >= 8));

  for (const [i, example] of examples.entries()) {
    it(`can be set up (${i + 1})`, () => {
      const context = fakeContext({ metrics: Metrics.create({ threads: 1 }), root: "/etc" });
      for (const block of parseText(example).blocks) {
        const directives = block.directives.filter(({ name }) => name.text === "forward");
        if (directives.length > 0) forward.setup(directives, context);
      }
      assert.deepEqual(context.log.lines, []);
    });
  }
});
