import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeeperError } from "./keeper-error.ts";
import { KEEPER_VERSION, keptMessageOf, toKeeperOf } from "./messages.ts";
import { planToJson, type StandbyPlan } from "./standby-plan.ts";

const PLAN: StandbyPlan = {
  store: "answers/3",
  listeners: [
    {
      id: 5,
      socket: "udp/::/53",
      stream: "tcp/::/53",
      wildcard: true,
      zones: [
        {
          name: Uint8Array.of(1, 0x61, 0),
          partition: 2,
          row: 7,
          slow: false,
          upstreams: [{ address: "192.0.2.53", port: 53 }],
        },
      ],
    },
  ],
  endpoints: [{ socket: "http/::/8080", replies: [{ path: "/health", status: 200, body: "OK" }] }],
};

/** As it is after its way through the channel. */
const travelled = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("messages to the keeper", () => {
  it("come out as they went in", () => {
    const keep = { op: "keep", name: "udp/127.0.0.1/53", meta: { id: 4 } };
    const fallback = { op: "fallback", endpoints: ["10.244.1.2:53", "[fd00::2]:53", "10.244.1.3"] };
    for (const message of [keep, { op: "drop", name: "beats" }, { op: "ready" }, { op: "answers" }, fallback]) {
      assert.deepEqual(toKeeperOf(travelled(message)), message);
    }
    assert.deepEqual(toKeeperOf(travelled({ op: "plan", plan: planToJson(PLAN) })), { op: "plan", plan: PLAN });
  });

  it("may have more fields than this version knows", () => {
    assert.deepEqual(toKeeperOf({ op: "ready", since: 1 }), { op: "ready" });
  });

  it("may be of a server that knows nothing of endpoints", () => {
    const plan = { store: "a", listeners: [] };
    assert.deepEqual(toKeeperOf({ op: "plan", plan }), { op: "plan", plan: { ...plan, endpoints: [] } });
  });

  const endpoints = (reply: object): object => ({
    op: "plan",
    plan: { store: "a", listeners: [], endpoints: [{ socket: "http/::/1", replies: [reply] }] },
  });
  const listener = { id: 5, socket: "udp/::/53", wildcard: true, zones: [] };
  const zone = { name: "00", partition: 1, row: 1, slow: false };
  const bad: [string, unknown][] = [
    ["no object", 1],
    ["null", null],
    ["a list", []],
    ["nothing", {}],
    ["an unknown kind", { op: "explode" }],
    ["no name", { op: "keep", meta: {} }],
    ["an empty name", { op: "drop", name: "" }],
    ["a long name", { op: "drop", name: "x".repeat(201) }],
    ["meta that is no object", { op: "keep", name: "a", meta: [] }],
    ["endpoints that are no list", { op: "fallback", endpoints: "10.244.1.2" }],
    ["an endpoint that is none", { op: "fallback", endpoints: ["10.244.1.2", "kube-dns"] }],
    ["an endpoint that is no text", { op: "fallback", endpoints: [53] }],
    ["too many endpoints", { op: "fallback", endpoints: Array.from({ length: 65 }, (_, i) => `10.244.1.${i}`) }],
    ["no plan", { op: "plan" }],
    ["a plan without a store", { op: "plan", plan: { listeners: [] } }],
    ["a plan without listeners", { op: "plan", plan: { store: "a" } }],
    ["a listener without id", { op: "plan", plan: { store: "a", listeners: [{ ...listener, id: -1 }] } }],
    ["a listener without socket", { op: "plan", plan: { store: "a", listeners: [{ ...listener, socket: 5 }] } }],
    [
      "a zone of odd digits",
      { op: "plan", plan: { store: "a", listeners: [{ ...listener, zones: [{ ...zone, name: "0" }] }] } },
    ],
    [
      "a zone of no digits",
      { op: "plan", plan: { store: "a", listeners: [{ ...listener, zones: [{ ...zone, name: "xx" }] }] } },
    ],
    [
      "an endpoint of a plan without socket",
      { op: "plan", plan: { store: "a", listeners: [], endpoints: [{ replies: [] }] } },
    ],
    ["a reply without path", endpoints({ status: 200, body: "" })],
    ["a reply of a strange status", endpoints({ path: "/", status: 99, body: "" })],
    ["a long reply", endpoints({ path: "/", status: 200, body: "x".repeat(1001) })],
    [
      "a zone without row",
      { op: "plan", plan: { store: "a", listeners: [{ ...listener, zones: [{ ...zone, row: 1.5 }] }] } },
    ],
  ];
  for (const [what, value] of bad) {
    it(`are refused: ${what}`, () => assert.throws(() => toKeeperOf(value), KeeperError));
  }
});

describe("the message to the server", () => {
  const kept = { op: "kept", version: KEEPER_VERSION, generation: 2, previous: "dead", items: [], last: true };

  it("says what is kept", () => {
    const items = [{ name: "beats", meta: {} }];
    assert.deepEqual(keptMessageOf(travelled({ ...kept, items })), { ...kept, items });
    assert.equal(keptMessageOf({ ...kept, last: undefined })?.last, false);
  });

  it("of another version says nothing, whatever else is in it", () => {
    assert.equal(keptMessageOf({ op: "kept", version: KEEPER_VERSION + 1, generation: "two" }), undefined);
  });

  it("is refused when a field makes no sense", () => {
    for (const change of [{ op: "keep" }, { previous: "lost" }, { generation: -1 }, { items: {} }, { items: [{}] }]) {
      assert.throws(() => keptMessageOf({ ...kept, ...change }), KeeperError, JSON.stringify(change));
    }
  });
});
