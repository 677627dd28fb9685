import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { linesOf } from "../../test/support/plugin-server.ts";
import { responseTo } from "../../test/support/responses.ts";
import { testQuery } from "../../test/support/setup-context.ts";
import { decodeMessage } from "./message.ts";
import { shuffleAddresses } from "./shuffle.ts";

const QUERY = testQuery("a.test", "A");
const { questionEnd } = QUERY.view;

/** Gives these numbers one after another, then the first again. */
function numbers(...given: readonly number[]): () => number {
  let i = 0;
  return () => given[i++ % given.length] ?? 0;
}

function shuffle(answers: readonly string[], random: () => number): string[] {
  const wire = responseTo(QUERY, { answers });
  // At another place in a larger slab too.
  const slab = new Uint8Array(wire.length + 64).fill(0xff);
  slab.set(wire, 40);
  shuffleAddresses(slab, 40, 40 + questionEnd, answers.length, random);
  assert.ok(slab.subarray(0, 40).every((byte) => byte === 0xff));
  return linesOf(decodeMessage(slab.slice(40, 40 + wire.length)).answers);
}

const address = (owner: string, host: number): string => `${owner} 60 IN A 192.0.2.${host}`;

describe("shuffleAddresses", () => {
  it("exchanges records as the numbers say", () => {
    const three = [address("a.test.", 1), address("a.test.", 2), address("a.test.", 3)];
    assert.deepEqual(shuffle(three, numbers(0)), [address("a.test.", 2), address("a.test.", 3), address("a.test.", 1)]);
    assert.deepEqual(shuffle(three, numbers(0.999)), three);
  });

  it("keeps aliases in front, and addresses with their owners and types", () => {
    const records = [
      "a.test. 60 IN CNAME b.test.",
      address("b.test.", 1),
      address("b.test.", 2),
      "b.test. 60 IN AAAA 2001:db8::1",
      "b.test. 60 IN AAAA 2001:db8::2",
      'b.test. 60 IN TXT "between"',
      address("c.test.", 3),
      address("c.test.", 4),
    ];
    assert.deepEqual(shuffle(records, numbers(0)), [
      "a.test. 60 IN CNAME b.test.",
      address("b.test.", 2),
      address("b.test.", 1),
      "b.test. 60 IN AAAA 2001:db8::2",
      "b.test. 60 IN AAAA 2001:db8::1",
      'b.test. 60 IN TXT "between"',
      address("c.test.", 4),
      address("c.test.", 3),
    ]);
  });

  it("knows one owner in its spellings", () => {
    const shuffled = shuffle([address("a.test.", 1), address("A.TEST.", 2)], numbers(0));
    assert.deepEqual(
      shuffled.map((line) => line.slice(-1)),
      ["2", "1"],
    );
  });

  it("loses and invents no record", () => {
    const hosts = fc.array(fc.nat(255), { maxLength: 300 });
    const chances = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(hosts, chances, (all, given) => {
        const lines = all.map((host, i) => address(i % 7 === 3 ? "b.test." : "a.test.", host));
        const shuffled = shuffle(lines, numbers(...given));
        assert.deepEqual(shuffled.toSorted(), lines.toSorted());
      }),
      { numRuns: 50 },
    );
  });

  it("gives every order of three about the same chance", () => {
    const counts = new Map<string, number>();
    // A generator of its own, so that the test says the same each time.
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    for (let i = 0; i < 3000; i++) {
      const lines = shuffle([address("a.test.", 1), address("a.test.", 2), address("a.test.", 3)], random);
      const order = lines.map((line) => line.at(-1)).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    for (const count of counts.values()) assert.ok(count > 400 && count < 600, String(count));
  });

  it("stops at a message that is cut off", () => {
    const wire = responseTo(QUERY, { answers: [address("a.test.", 1), address("a.test.", 2)] });
    for (let length = questionEnd; length < wire.length; length++) {
      const cut = wire.slice(0, length);
      shuffleAddresses(cut, 0, questionEnd, 2, numbers(0));
      assert.equal(cut.length, length);
    }
  });
});
