/**
 * What a plugin's test needs instead of a daemon: a `SetupContext` that records, a block of a Corefile to set up from,
 * and queries to drive handlers with.
 */
import { isIPv6 } from "node:net";
import { SOCKADDR_MAX_BYTES, writeSockaddr } from "../../src/base/address.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { FLAG_QR, FLAGS_AT, writeU16 } from "../../src/dns/header.ts";
import { nameFromText } from "../../src/dns/name-text.ts";
import { buildQuery } from "../../src/dns/query-builder.ts";
import { admitQuery, QueryView } from "../../src/dns/query-view.ts";
import { CLASS_IN, typeNumber } from "../../src/dns/types.ts";
import type { Answer } from "../../src/server/chain/answer.ts";
import type { Handler } from "../../src/server/chain/handler.ts";
import type { Plugin, PluginInstance, SetupContext } from "../../src/server/chain/plugin.ts";
import { Shared } from "../../src/server/chain/shared.ts";
import { Query, type ServerIdentity, type Transport } from "../../src/server/chain/query.ts";
import { parseCorefile } from "../../src/server/corefile/parse.ts";
import { serverKeys } from "../../src/server/corefile/server-key.ts";
import { OpenGroups } from "../../src/server/upstream/open-groups.ts";
import type { Corefile, Directive } from "../../src/server/corefile/tree.ts";

/** A context whose log and clock a test can look at and turn. */
export interface FakeContext extends SetupContext {
  readonly log: MemoryLog;
  readonly clock: FakeClock;
  /** What was passed to `fatal`. */
  readonly fatals: string[];
  /** What was passed to `enableDebug`. */
  readonly debugCalls: boolean[];
  /** Times that `requestReload` was called. */
  reloads: number;
  /** `seeEveryQuery` was called. */
  seesEveryQuery: boolean;
  /** `seeDenials` was called. */
  seesDenials: boolean;
}

/** Stands in for a service that the test did not give: using it is a mistake of the test. */
function absent<T extends object>(what: string): T {
  return new Proxy<T>(Object.create(null) as T, {
    get: (_, property) => {
      if (typeof property === "symbol" || property === "then" || property === "toJSON") return undefined;
      throw new Error(`fakeContext has no ${what} (.${property}): pass one in the overrides`);
    },
  });
}

export function fakeContext(overrides: Partial<FakeContext> = {}): FakeContext {
  const log = new MemoryLog();
  const context: FakeContext = {
    log,
    clock: new FakeClock(),
    metrics: absent("metrics"),
    store: absent("store"),
    ports: absent("ports"),
    http: absent("http"),
    shared: new Shared(),
    upstreams: new OpenGroups(),
    tellClusterDns: () => {},
    compat: "1.14",
    version: "0.0.0",
    fatals: [],
    debugCalls: [],
    reloads: 0,
    seesEveryQuery: false,
    seesDenials: false,
    keys: [],
    zones: ["."],
    root: "/nonexistent",
    bindAddresses: [],
    tls: undefined,
    timeouts: {},
    view: "",
    upstreamTap: undefined,
    configurationHash: "0".repeat(128),
    partition: 0,
    fatal: (message) => void context.fatals.push(message),
    requestReload: async () => {
      context.reloads++;
      return undefined;
    },
    enableDebug: (on) => {
      context.debugCalls.push(on);
      log.enableDebug(on);
    },
    currentHash: async () => context.configurationHash,
    servers: () => [testServer],
    ask: async () => {
      throw new Error("fakeContext has no chain: pass `ask` in the overrides");
    },
    askServer: (query) => context.ask(query),
    seeEveryQuery: () => {
      context.seesEveryQuery = true;
    },
    seeDenials: () => {
      context.seesDenials = true;
    },
    sibling: () => undefined,
    ...overrides,
  };
  return context;
}

export const testServer: ServerIdentity = { label: "dns://127.0.0.1:5300", address: "127.0.0.1", port: 5300 };

/** Parses text without environment and without files; a warning is a failure. */
export function parseText(text: string): Corefile {
  return parseCorefile(text, "Corefile", {
    env: {},
    readFile: (path) => {
      throw new Error(`no file ${path} in this test`);
    },
    glob: () => [],
    warn: (message) => {
      throw new Error(message);
    },
  });
}

/** All occurrences of a directive in the first server block of a Corefile. */
export function directivesOf(corefile: string, name: string): Directive[] {
  const [block] = parseText(corefile).blocks;
  return block?.directives.filter((directive) => directive.name.text === name) ?? [];
}

/** Sets a plugin up from the first server block of a Corefile, with the zones of its keys. */
export function setUp(
  plugin: Plugin,
  corefile: string,
  overrides: Partial<FakeContext> = {},
): { readonly instance: PluginInstance; readonly context: FakeContext } {
  const keys = (parseText(corefile).blocks[0]?.keys ?? []).flatMap((key) => serverKeys(key, 53));
  const zones = [...new Set(keys.map((key) => key.zone))];
  const context = fakeContext({ keys, zones, ...overrides });
  return { instance: plugin.setup(directivesOf(corefile, plugin.directive), context), context };
}

/** The plugin's link in front of `next`; a plugin without one is passed over. */
export function chainOf(instance: PluginInstance, next: Handler = answering()): Handler {
  return instance.handler?.(next) ?? next;
}

/** End of a chain: answers SERVFAIL without records, or what is given; keeps what it was asked. */
export function answering(reply?: Answer | ((query: Query) => Answer)): Handler & { readonly queries: Query[] } {
  const queries: Query[] = [];
  return {
    queries,
    serve: async (query) => {
      queries.push(query);
      if (typeof reply === "function") return reply(query);
      return reply ?? { wire: emptyReply(query, 2), plugin: "" };
    },
  };
}

/** A response without records. */
export function emptyReply(query: Query, rcode: number): Uint8Array {
  const wire = query.wire.slice(0, query.view.questionEnd);
  writeU16(wire, FLAGS_AT, FLAG_QR | (query.view.flags & 0x0110) | rcode);
  writeU16(wire, 10, 0);
  return wire;
}

export interface TestQueryOptions {
  readonly client?: string;
  readonly clientPort?: number;
  readonly transport?: Transport;
  readonly server?: ServerIdentity;
  readonly zone?: string;
  readonly id?: number;
  readonly qclass?: number;
  readonly recursionDesired?: boolean;
  readonly checkingDisabled?: boolean;
  readonly dnssecOk?: boolean;
  /** EDNS buffer size; absent: no OPT, unless `dnssecOk`. */
  readonly udpSize?: number;
  readonly receivedAtMs?: number;
}

/** A query as it would come from the network. @param type "A", "AAAA", … */
export function testQuery(name: string, type: string, options: TestQueryOptions = {}): Query {
  const qtype = typeNumber(type);
  if (qtype === undefined) throw new Error(`no type ${type}`);
  const wire = buildQuery(nameFromText(name), qtype, options.qclass ?? CLASS_IN, {
    id: options.id ?? 4711,
    recursionDesired: options.recursionDesired ?? true,
    checkingDisabled: options.checkingDisabled ?? false,
    authenticData: false,
    dnssecOk: options.dnssecOk ?? false,
    udpSize: options.udpSize ?? (options.dnssecOk === true ? 1232 : undefined),
  });
  const view = new QueryView();
  const verdict = admitQuery(wire, 0, wire.length, view);
  if (verdict !== 0) throw new Error(`query for ${name} ${type} is refused: ${verdict}`);
  const client = options.client ?? "10.240.0.1";
  const sockaddr = new Uint8Array(SOCKADDR_MAX_BYTES);
  const length = writeSockaddr(sockaddr, 0, client, options.clientPort ?? 40_212);
  if (length < 0) throw new Error(`no address: ${client}`);
  return new Query(
    wire,
    view,
    options.transport ?? "udp",
    options.server ?? testServer,
    options.zone ?? ".",
    sockaddr.slice(0, isIPv6(client) ? SOCKADDR_MAX_BYTES : 16),
    options.receivedAtMs ?? 1_000_000,
  );
}
