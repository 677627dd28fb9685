import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, it } from "node:test";
import { nameToText } from "../../../dns/name-text.ts";
import { admitQuery, QueryView } from "../../../dns/query-view.ts";
import { typeName } from "../../../dns/types.ts";
import type { Handler } from "../../chain/handler.ts";
import type { PluginInstance } from "../../chain/plugin.ts";
import type { ServerIdentity } from "../../chain/query.ts";
import {
  answering,
  chainOf,
  emptyReply,
  type FakeContext,
  setUp,
  testQuery,
} from "../../../../test/support/setup-context.ts";
import { loop, type LoopTimes, loopWith } from "./loop.ts";

/** A probe waits long for its answer, however busy the machine is. */
const patient: LoopTimes = { giveUpMs: 3000, pauseMs: 5, timeoutMs: 3000 };
const impatient: LoopTimes = { giveUpMs: 3000, pauseMs: 5, timeoutMs: 30 };

/** A server of one block with `loop`: its UDP socket feeds the chain. */
interface Running {
  readonly context: FakeContext;
  readonly instance: PluginInstance;
  readonly chain: Handler;
  /** Names of the probes, in order of arrival. */
  readonly names: string[];
  readonly types: Set<string>;
}

type Behaviour = (chain: Handler, name: string, id: number, count: number) => Promise<"answer" | "silence">;

async function running(
  zone: string,
  times: LoopTimes,
  behave: Behaviour,
  run: (running: Running) => Promise<void>,
): Promise<void> {
  const socket: Socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  const server: ServerIdentity = { label: `dns://127.0.0.1:${port}`, address: "127.0.0.1", port };
  const { context, instance } = setUp(loopWith(times), `${zone} {\nloop\n}`, { servers: () => [server] });
  const chain = chainOf(instance);
  const names: string[] = [];
  const types = new Set<string>();
  socket.on("message", (wire, from) => {
    const view = new QueryView();
    assert.equal(admitQuery(wire, 0, wire.length, view), 0);
    const name = nameToText(wire, 12);
    names.push(name);
    types.add(typeName(view.qtype));
    const own = testQuery(name, "HINFO", { id: view.id, clientPort: from.port, client: from.address });
    void chain.serve(own);
    void behave(chain, name, view.id, names.length).then((what) => {
      if (what === "answer") socket.send(emptyReply(own, 3), from.port, from.address);
    });
  });
  await instance.start?.();
  try {
    await run({ context, instance, chain, names, types });
  } finally {
    await instance.stop?.("shutdown");
    socket.close();
  }
}

/** A copy of the probe as another server would send it. */
function copy(chain: Handler, name: string, id: number): void {
  void chain.serve(testQuery(name, "HINFO", { id: (id + 1) & 0xffff, client: "192.0.2.53", clientPort: 5353 }));
}

/** Waits until a condition holds, for a second at most. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(holds(), "it did not come");
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 90));
}

describe("loop", () => {
  it("asks itself once for a name below its zone, and is content with an answer", async () => {
    await running(
      "Example.ORG",
      patient,
      async () => "answer",
      async ({ context, chain, names, types }) => {
        await until(() => names.length > 0);
        await settle();
        assert.equal(names.length, 1);
        assert.match(names[0] ?? "", /^[0-9]+\.[0-9]+\.example\.org\.$/);
        assert.deepEqual([...types], ["HINFO"]);
        for (let i = 0; i < 5; i++) copy(chain, names[0] ?? "", 1);
        assert.deepEqual(context.fatals, []);
      },
    );
  });

  it("tries again until it is answered, with another name, without seeing a loop in that", async () => {
    const third: Behaviour = async (_chain, _name, _id, count) => (count < 4 ? "silence" : "answer");
    await running(".", impatient, third, async ({ context, names }) => {
      await until(() => names.length >= 4);
      await settle();
      assert.equal(new Set(names).size, names.length);
      assert.deepEqual(context.fatals, []);
    });
  });

  it("ends the process when its question comes back twice", async () => {
    const forwarded: Behaviour = async (chain, name, id) => {
      copy(chain, name, id);
      copy(chain, name, id);
      return "silence";
    };
    await running(".", patient, forwarded, async ({ context, names }) => {
      await until(() => context.fatals.length > 0);
      await settle();
      assert.equal(context.fatals.length, 1);
      const { port } = context.servers()[0] ?? { port: 0 };
      const message = `Loop (192.0.2.53:5353 -> 127.0.0.1:${port}) detected for zone ".", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${names[0]}"`;
      assert.deepEqual(context.fatals, [message]);
      assert.deepEqual(context.log.lines, [`[FATAL] plugin/loop: ${message}`]);
    });
  });

  it("sees a loop that equal questions under way keep from turning", async () => {
    const joined: Behaviour = async (chain, name, id) => {
      copy(chain, name, id);
      return "silence";
    };
    await running("cluster.local", impatient, joined, async ({ context, names }) => {
      await until(() => context.fatals.length > 0);
      assert.ok(names.length >= 2);
      assert.match(context.fatals[0] ?? "", /detected for zone "cluster\.local\."/);
    });
  });

  it("is not content with an answer while its question came back", async () => {
    const failed: Behaviour = async (chain, name, id) => {
      copy(chain, name, id);
      return "answer";
    };
    await running(".", patient, failed, async ({ context }) => {
      await until(() => context.fatals.length > 0);
      assert.equal(context.fatals.length, 1);
    });
  });

  it("passes every query on, its own too", async () => {
    const { instance } = setUp(loop, ". {\nloop\n}", { servers: () => [] });
    const next = answering();
    const chain = chainOf(instance, next);
    await instance.start?.();
    await chain.serve(testQuery("a", "HINFO"));
    await chain.serve(testQuery("a", "A"));
    assert.equal(next.queries.length, 2);
    await instance.stop?.("shutdown");
  });

  it("stops asking when it is stopped", async () => {
    await running(
      ".",
      impatient,
      async () => "silence",
      async ({ instance, names }) => {
        await until(() => names.length > 1);
        await instance.stop?.("reload");
        // One may be on its way.
        await settle();
        const asked = names.length;
        await settle();
        assert.equal(names.length, asked);
      },
    );
  });

  it("takes no arguments and stands once", () => {
    assert.throws(() => setUp(loop, ". {\nloop x\n}"), { message: /^Corefile:2:6: Wrong argument count/ });
    assert.throws(() => setUp(loop, ". {\nloop\nloop\n}"), { message: /^Corefile:3:1: .*only be used once/ });
  });
});
