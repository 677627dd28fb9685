/** Queries as real clients write them, and as people write them who probe servers. */
import { queryFor } from "../../test/support/dns-client.ts";
import { splice } from "../mutate-message.ts";
import { setWord, wordAt } from "../message-map.ts";

/** Names whose answers the fuzzed cache holds, see `targets/query.ts`. */
export const KNOWN_NAMES: readonly string[] = [
  "kubernetes.default.svc.cluster.local.",
  "postgres-0.postgres.shop.svc.cluster.local.",
  "_dns-tcp._tcp.kube-dns.kube-system.svc.cluster.local.",
  "missing.default.svc.cluster.local.",
  "big.example.org.",
  "www.example.org.",
];

const RD = 0x0100;
const AD = 0x0020;
const CD = 0x0010;
const COOKIE = option(10, [1, 2, 3, 4, 5, 6, 7, 8]);
const ECS = option(8, [0, 1, 24, 0, 192, 0, 2]);
const NSID = option(3, []);
const KEEPALIVE = option(11, []);
const PADDING = option(12, Array<number>(64).fill(0));

function option(code: number, data: readonly number[]): number[] {
  return [code >> 8, code & 0xff, data.length >> 8, data.length & 0xff, ...data];
}

/** The query's OPT, its last record, with these options. */
export function withOptions(wire: Uint8Array, ...options: readonly (readonly number[])[]): Uint8Array {
  const data = options.flat();
  const out = splice(wire, wire.length, 0, data);
  setWord(out, wire.length - 2, wordAt(wire, wire.length - 2) + data.length);
  return out;
}

function withHeader(wire: Uint8Array, at: number, value: number): Uint8Array {
  const out = wire.slice();
  setWord(out, at, value);
  return out;
}

function raw(...parts: readonly (number | readonly number[] | string)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === "string" ? [...part].map((letter) => letter.charCodeAt(0)) : part)),
  );
}

const id = 0x1234;

function clientQueries(name: string): Uint8Array[] {
  return [
    // glibc, musl; glibc with `options edns0`
    queryFor(name, 1, { id }),
    queryFor(name, 28, { id }),
    queryFor(name, 1, { id, opt: 1200 }),
    // dig, BIND as a forwarder
    withOptions(queryFor(name, 1, { id, flags: RD | AD, opt: 1232 }), COOKIE),
    withOptions(queryFor(name, 28, { id, flags: RD | CD, opt: 1232, dnssecOk: true }), COOKIE),
    // Go, systemd-resolved, Unbound
    queryFor(name, 1, { id, flags: RD | AD, opt: 1232 }),
    queryFor(name, 1, { id, opt: 512, dnssecOk: true }),
    queryFor(name, 28, { id, flags: RD | CD, opt: 4096, dnssecOk: true }),
  ];
}

const org = raw([3], "www", [7], "example", [3], "org", [0]);
const header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];

/** Every shape of appendix A of the research on malformed packets, and those of the EDNS compliance probes. */
const PROBES: readonly Uint8Array[] = [
  raw(header.slice(0, 11)),
  raw(header),
  withHeader(raw(header, [...org], [0, 1, 0, 1], [...org], [0, 28, 0, 1]), 4, 2),
  withHeader(raw(header), 4, 0),
  queryFor("www.example.org.", 1, { id, flags: 0x8100 }),
  queryFor("www.example.org.", 1, { id, flags: 0x0300 }),
  raw(header, [0xc0, 12, 0, 1, 0, 1]),
  raw(header, [0x40, 97, 0, 0, 1, 0, 1]),
  raw(header, [0x80, 97, 0, 0, 1, 0, 1]),
  raw(
    header,
    Array<number[]>(4)
      .fill([63, ...Array<number>(63).fill(97)])
      .flat(),
    [0, 0, 1, 0, 1],
  ),
  raw([...queryFor("www.example.org.", 1, { id })], "xyz"),
  withHeader(raw([...queryFor("www.example.org.", 1, { id, opt: 1232 })], [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]), 10, 2),
  withHeader(raw([...queryFor("www.example.org.", 1, { id })], [1, 97, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]), 10, 1),
  withHeader(raw([...queryFor("www.example.org.", 1, { id })], [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 16]), 10, 1),
  withOptions(queryFor("www.example.org.", 1, { id, opt: 1232 }), [0, 10, 0, 99, 1, 2]),
  withHeader(queryFor("www.example.org.", 1, { id }), 6, 1),
  queryFor("www.example.org.", 6, { id, flags: 5 << 11 }),
  queryFor("www.example.org.", 6, { id, flags: RD | (15 << 11) | 0x40 }),
  queryFor("www.example.org.", 1, { id, class: 255 }),
  queryFor("version.bind.", 16, { id, class: 3 }),
  ...[0, 6, 12, 15, 16, 33, 41, 43, 48, 64, 65, 250, 251, 252, 255, 257, 666, 65535].map((type) =>
    queryFor("www.example.org.", type, { id, opt: 1232 }),
  ),
  queryFor("www.example.org.", 1, { id, flags: RD | 0x40 }),
  queryFor("wWw.eXaMpLe.OrG.", 1, { id }),
  queryFor(".", 2, { id, flags: 0 }),
  withOptions(queryFor("www.example.org.", 1, { id, opt: 1232 }), NSID, ECS, option(9, []), COOKIE, KEEPALIVE, PADDING),
  withHeader(queryFor("www.example.org.", 1, { id, opt: 1232 }), 36, 0x0001),
  queryFor("1.0.0.10.in-addr.arpa.", 12, { id }),
  raw(header, Array<number[]>(126).fill([1, 97]).flat(), [0, 0, 1, 0, 1]),
  raw(header, [3, 0, 46, 255, 4, 0xc0, 12, 92, 34, 0, 0, 1, 0, 1]),
];

export const QUERIES: readonly Uint8Array[] = [...KNOWN_NAMES.flatMap((name) => clientQueries(name)), ...PROBES];
