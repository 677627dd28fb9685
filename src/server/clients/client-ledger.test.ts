import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { addressBytes } from "../../base/address.ts";
import { nameFromText } from "../../dns/name-text.ts";
import { type Asked, ClientLedger } from "./client-ledger.ts";
import { type ClientReport, reportClients, type ReportWish } from "./client-report.ts";
import type { Owner, WhoIs } from "./who-is.ts";
import { LEDGER_SIZES, type LedgerSizes } from "./counting.ts";

const NXDOMAIN = 3;
const EVERYTHING: ReportWish = {
  limit: 1000,
  namesEach: 100,
  clientOrder: "queries",
  nameOrder: "queries",
  clientFilter: "",
  nameFilter: "",
};

function asked(from: string, name: string, more: Partial<Asked> = {}): Asked {
  const address = addressBytes(from) ?? assert.fail(from);
  const mapped = address.length === 4 ? Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...address) : address;
  return {
    address: Buffer.from(mapped).toString("latin1"),
    name: name === "" ? "" : Buffer.from(nameFromText(name)).toString("latin1"),
    rcode: 0,
    atMs: 0,
    weight: 1,
    seconds: -1,
    ...more,
  };
}

class Pods implements WhoIs {
  version = 0;
  readonly byAddress = new Map<string, Owner>();

  set(address: string, namespace: string, pod: string): void {
    this.byAddress.set(address, { namespace, pod });
    this.version++;
  }

  whoIs(address: string): Owner | undefined {
    return this.byAddress.get(address);
  }
}

function byText(a: readonly unknown[], b: readonly unknown[]): number {
  return a.join().localeCompare(b.join());
}

function report(ledger: ClientLedger, wish: Partial<ReportWish> = {}, nowMs = 1000): ClientReport {
  return reportClients(ledger, nowMs, { ...EVERYTHING, ...wish });
}

describe("who asked", () => {
  it("is counted as an exact count would, while all have room", () => {
    const queries = fc.array(
      fc.record({ client: fc.nat(5), name: fc.nat(5), denied: fc.boolean(), seconds: fc.constantFrom(-1, 0.001, 1) }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(queries, (list) => {
        const ledger = new ClientLedger(LEDGER_SIZES, 0);
        for (const { client, name, denied, seconds } of list) {
          ledger.add(asked(`10.244.0.${client}`, `n${name}.`, { rcode: denied ? NXDOMAIN : 0, seconds }));
        }
        const { clients, names, namespaces } = report(ledger);
        for (const row of clients) {
          const own = list.filter(({ client }) => row.address === `10.244.0.${client}`);
          assert.deepEqual(
            [row.queries, row.nxdomain, row.misses, row.names.length],
            [
              own.length,
              own.filter(({ denied }) => denied).length,
              own.filter(({ seconds }) => seconds >= 0).length,
              new Set(own.map(({ name }) => name)).size,
            ],
          );
        }
        for (const row of names) {
          const own = list.filter(({ name }) => row.name === `n${name}.`);
          assert.deepEqual([row.queries, row.nxdomain], [own.length, own.filter(({ denied }) => denied).length]);
        }
        assert.equal(namespaces[0]?.queries ?? 0, list.length);
      }),
    );
  });

  it("stays within its bounds, and keeps who asks most, under ever new clients and names", () => {
    const sizes: LedgerSizes = { clients: 8, names: 8, namesPerClient: 2 };
    const ledger = new ClientLedger(sizes, 0);
    for (let i = 0; i < 5000; i++) {
      ledger.add(asked(`10.${(i >> 8) & 255}.${i & 255}.9`, `random-${i}.example.`, { rcode: NXDOMAIN }));
      if (i % 4 === 0) ledger.add(asked("10.244.0.1", "busy.example."));
    }
    const { clients, names, clientsKept, namesKept } = report(ledger);
    assert.deepEqual([clientsKept, namesKept], [8, 8]);
    assert.deepEqual([clients[0]?.address, names[0]?.name], ["10.244.0.1", "busy.example."]);
    assert.ok(clients.every((row) => row.names.length <= 2));
  });

  it("is a pod where somebody knows it, over all its addresses, and another one when the address is another's", () => {
    const pods = new Pods();
    pods.set("10.244.0.7", "shop", "web-1");
    pods.set("fd00::7", "shop", "web-1");
    const ledger = new ClientLedger(LEDGER_SIZES, 0, pods);
    ledger.add(asked("10.244.0.7", "a."));
    ledger.add(asked("fd00::7", "a."));
    ledger.add(asked("10.244.0.8", "a."));
    pods.set("10.244.0.7", "db", "pg-0");
    ledger.add(asked("10.244.0.7", "a."));
    const rows = report(ledger).clients.map(({ namespace, pod, address, queries }) => [
      namespace,
      pod,
      address,
      queries,
    ]);
    assert.deepEqual(rows.toSorted(byText), [
      ["", "", "10.244.0.8", 1],
      ["db", "pg-0", "10.244.0.7", 1],
      ["shop", "web-1", "fd00::7", 2],
    ]);
    assert.deepEqual(
      report(ledger)
        .namespaces.map(({ namespace, queries, names }) => [namespace, queries, names[0]?.queries])
        .toSorted(byText),
      [
        ["", 1, 1],
        ["db", 1, 1],
        ["shop", 2, 2],
      ],
    );
  });

  it("tells search waste of client, namespace and name", () => {
    const ledger = new ClientLedger(LEDGER_SIZES, 0);
    for (const name of ["www.example.org.svc.cluster.local.", "www.example.org.cluster.local.", "www.example.org."]) {
      ledger.add(asked("10.244.0.7", name, { rcode: name.includes("cluster") ? NXDOMAIN : 0, weight: 2 }));
      ledger.add(asked("10.244.0.8", "other."));
    }
    const { clients, namespaces, names } = report(ledger, { clientOrder: "waste", nameOrder: "waste" });
    assert.deepEqual([clients[0]?.address, clients[0]?.searchWaste, clients[1]?.searchWaste], ["10.244.0.7", 4, 0]);
    assert.equal(namespaces[0]?.searchWaste, 4);
    assert.deepEqual(
      names.map(({ name, searchWaste }) => [name, searchWaste]),
      [
        ["www.example.org.svc.cluster.local.", 2],
        ["www.example.org.cluster.local.", 2],
        ["other.", 0],
        ["www.example.org.", 0],
      ],
    );
  });

  it("is told per second of late, and in the wished order, filtered and cut", () => {
    const ledger = new ClientLedger(LEDGER_SIZES, 0);
    for (let ms = 0; ms < 60_000; ms += 100) ledger.add(asked("10.244.0.1", "old.example.", { atMs: ms }));
    for (let ms = 60_000; ms < 80_000; ms += 50) {
      ledger.add(asked("10.244.0.2", "new.example.", { atMs: ms, seconds: 0.2 }));
    }
    const now = report(ledger, { clientOrder: "rate", nameOrder: "rate" }, 80_000);
    assert.deepEqual(
      now.clients.map(({ address }) => address),
      ["10.244.0.2", "10.244.0.1"],
    );
    assert.ok(Math.abs((now.clients[0]?.perSecond ?? 0) - 20) < 1, String(now.clients[0]?.perSecond));
    assert.ok((now.clients[1]?.perSecond ?? 0) < 0.5);
    assert.equal(report(ledger, {}, 80_000).clients[0]?.address, "10.244.0.1");
    assert.equal(report(ledger, { clientOrder: "latency" }, 80_000).clients[0]?.address, "10.244.0.2");
    assert.deepEqual(
      report(ledger, { clientFilter: "0.1", nameFilter: "new", limit: 1 }, 80_000).clients.map(
        ({ address }) => address,
      ),
      ["10.244.0.1"],
    );
    assert.deepEqual(
      report(ledger, { nameFilter: "new" }, 80_000).names.map(({ name }) => name),
      ["new.example."],
    );
  });

  it("takes a second of counting for no more than that", () => {
    const ledger = new ClientLedger(LEDGER_SIZES, 0);
    for (let ms = 0; ms < 1000; ms += 10) ledger.add(asked("10.244.0.1", "a.", { atMs: ms }));
    const rate = report(ledger, {}, 1000).clients[0]?.perSecond ?? 0;
    assert.ok(Math.abs(rate - 100) < 10, String(rate));
  });
});
