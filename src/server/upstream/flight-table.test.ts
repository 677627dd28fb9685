import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testQuery, type TestQueryOptions } from "../../../test/support/setup-context.ts";
import { type FlightKey, FlightTable } from "./flight-table.ts";

class TestFlight {
  readonly key: FlightKey;
  readonly wire: Uint8Array;
  readonly questionEnd: number;
  nextOfBucket: TestFlight | undefined = undefined;

  constructor(key: FlightKey, wire: Uint8Array, questionEnd: number) {
    this.key = key;
    this.wire = wire;
    this.questionEnd = questionEnd;
  }
}

describe("questions in flight", () => {
  const table = new FlightTable<TestFlight>();
  const find = (name: string, type = "A", options: TestQueryOptions = {}, edns = ""): TestFlight | undefined => {
    const { wire, view } = testQuery(name, type, options);
    return table.find(table.keyOf(wire, view, edns), wire, view.questionEnd);
  };
  const add = (name: string): TestFlight => {
    const { wire, view } = testQuery(name, "A");
    const flight = new TestFlight(table.keyOf(wire, view, ""), wire, view.questionEnd);
    table.add(flight);
    return flight;
  };

  it("are found by name in any spelling, type, flags and options", () => {
    const flight = add("one.example.");
    assert.equal(find("one.example."), flight);
    assert.equal(find("ONE.Example."), flight);
    assert.equal(find("two.example."), undefined);
    assert.equal(find("one.example.", "AAAA"), undefined);
    assert.equal(find("one.example.", "A", {}, "10:00"), undefined);
    assert.equal(table.remove(flight), true);
    assert.equal(table.remove(flight), false);
    assert.equal(find("one.example."), undefined);
    assert.equal(table.size, 0);
  });

  it("are told apart when their hashes are the same", () => {
    const names = ["a.example.", "b.example.", "c.example."];
    const flights = names.map((name) => {
      const { wire, view } = testQuery(name, "A");
      const flight = new TestFlight({ hash: 7, scope: 1, options: "" }, wire, view.questionEnd);
      table.add(flight);
      return flight;
    });
    const get = (i: number): TestFlight | undefined => {
      const { wire, view } = testQuery(names[i] ?? "", "A");
      return table.find({ hash: 7, scope: 1, options: "" }, wire, view.questionEnd);
    };
    assert.deepEqual([0, 1, 2].map(get), flights);
    for (const gone of [1, 2, 0]) {
      const [flight] = flights.slice(gone);
      assert.ok(flight);
      assert.equal(table.remove(flight), true);
      assert.equal(get(gone), undefined);
      assert.equal(table.remove(flight), false);
    }
    assert.equal(table.size, 0);
  });
});
