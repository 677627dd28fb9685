import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nameFromText } from "../../dns/name-text.ts";
import { admitQuery, QueryView } from "../../dns/query-view.ts";
import { TYPE_AAAA } from "../../dns/types.ts";
import { testQuery } from "../../../test/support/setup-context.ts";
import { queryFor } from "../../../test/support/dns-client.ts";
import { withQuestion } from "./other-question.ts";
import { Query } from "./query.ts";

/** A query whose OPT has an option. */
function original(): Query {
  const plain = queryFor("www.example.org.", 1, { id: 7, opt: 900, dnssecOk: true });
  const wire = Uint8Array.from([...plain.slice(0, -2), 0, 4, 0, 3, 0, 0]);
  const view = new QueryView();
  assert.equal(admitQuery(wire, 0, wire.length, view), 0);
  return Query.again(testQuery("a", "A", { client: "192.0.2.9" }), wire, view, 5);
}

describe("withQuestion", () => {
  for (const name of [".", "a.b.", "www.example.net.", `${"long.".repeat(40)}`]) {
    it(`asks for ${name.slice(0, 20)} as if the client had`, () => {
      const query = original();
      const before = query.wire.slice();
      const other = withQuestion(query, nameFromText(name), TYPE_AAAA);
      const view = new QueryView();
      assert.equal(admitQuery(other.wire, 0, other.wire.length, view), 0);
      assert.deepEqual(other.view, view, "the view is that of the message");
      assert.deepEqual([other.name, view.qtype, view.qclass, view.id], [name, TYPE_AAAA, 1, 7]);
      assert.deepEqual([view.udpSize, view.dnssecOk, view.optionsLength], [900, true, 4]);
      assert.deepEqual([other.client.address, other.receivedAtMs], ["192.0.2.9", 5]);
      assert.deepEqual(query.wire, before);
      assert.equal(query.name, "www.example.org.");
    });
  }

  it("does so without an OPT", () => {
    const other = withQuestion(testQuery("a.test", "A"), nameFromText("bb.test"), 1);
    assert.deepEqual([other.name, other.view.hasOpt, other.view.optionsAt], ["bb.test.", false, 0]);
    assert.equal(other.wire.length, other.view.questionEnd);
  });
});
