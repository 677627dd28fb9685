import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FLAG_AA, FLAG_CD, FLAG_QR, FLAG_RA, FLAG_RD } from "./header.ts";
import { decodeMessage } from "./message.ts";
import { nameFromText } from "./name-text.ts";
import { buildQuery } from "./query-builder.ts";
import { admitQuery, QueryView } from "./query-view.ts";
import { recordFromText } from "./records/record-text.ts";
import { respond } from "./response-builder.ts";
import { RCODE_FORMERR, RCODE_NXDOMAIN } from "./types.ts";

const NAME = nameFromText("WwW.example.org");

function asked(packet: Uint8Array): QueryView {
  const view = new QueryView();
  admitQuery(packet, 0, packet.length, view);
  return view;
}

describe("respond", () => {
  const query = buildQuery(NAME, 1, 1, { id: 5, checkingDisabled: true, udpSize: 1232 });

  it("answers with the query's id, RD, CD and question, RA, and no OPT", () => {
    const answer = recordFromText("WwW.example.org. 30 IN A 192.0.2.1");
    assert.deepEqual(decodeMessage(respond(query, asked(query), 0, [answer])), {
      id: 5,
      flags: FLAG_QR | FLAG_RD | FLAG_CD | FLAG_RA,
      opcode: 0,
      rcode: 0,
      question: [{ name: NAME, type: 1, class: 1 }],
      answers: [answer],
      authority: [],
      additional: [],
    });
  });

  it("says AA and not RA when told so", () => {
    const options = { authoritative: true, recursionAvailable: false };
    const reply = decodeMessage(respond(query, asked(query), RCODE_NXDOMAIN, [], options));
    assert.deepEqual([reply.flags, reply.rcode], [FLAG_QR | FLAG_AA | FLAG_RD | FLAG_CD, RCODE_NXDOMAIN]);
  });

  it("fills authority and additional", () => {
    const soa = recordFromText("example.org. 30 IN SOA ns.example.org. a.example.org. 1 2 3 4 5");
    const glue = recordFromText("ns.example.org. 30 IN A 192.0.2.1");
    const reply = decodeMessage(respond(query, asked(query), 0, [], { authority: [soa], additional: [glue] }));
    assert.deepEqual([reply.authority.length, reply.additional], [1, [glue]]);
  });

  it("points an owner at the question though its letters differ in case", () => {
    const wire = respond(query, asked(query), 0, [recordFromText("www.EXAMPLE.org. 30 IN A 192.0.2.1")]);
    assert.equal(wire.length, 12 + 17 + 4 + 2 + 10 + 4);
    assert.deepEqual(decodeMessage(wire).answers[0]?.name, NAME);
  });

  it("has no question when the query's could not be read", () => {
    const broken = Uint8Array.of(0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0);
    const wire = respond(broken, asked(broken), RCODE_FORMERR);
    assert.deepEqual([wire.length, decodeMessage(wire).id, decodeMessage(wire).question], [12, 9, []]);
  });
});
