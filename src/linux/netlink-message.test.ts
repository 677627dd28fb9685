import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  attribute,
  attributeText,
  attributes,
  concat,
  nested,
  netlinkMessage,
  netlinkMessages,
  textAttribute,
} from "./netlink-message.ts";

describe("netlink messages", () => {
  it("are laid out as linux/netlink.h says", () => {
    assert.deepEqual(
      [...netlinkMessage(16, 5, 7, textAttribute(3, "lo"))],
      [24, 0, 0, 0, 16, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0, 7, 0, 3, 0, 0x6c, 0x6f, 0, 0],
    );
  });

  it("are read as they were written, several in one", () => {
    const value = fc.record(
      {
        type: fc.integer({ min: 16, max: 0xffff }),
        sequence: fc.nat(0xffffffff),
        value: fc.uint8Array({ maxLength: 40 }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), (all) => {
        const bytes = concat(all.map((each) => netlinkMessage(each.type, 1, each.sequence, attribute(9, each.value))));
        const read = netlinkMessages(bytes);
        assert.deepEqual(
          read.map(({ type, sequence, payload }) => ({ type, sequence, value: attributes(payload, 0).get(9) })),
          all,
        );
      }),
    );
  });

  it("hold attributes in attributes", () => {
    const outer = attributes(nested(18, textAttribute(1, "dummy")), 0).get(18);
    assert.ok(outer !== undefined);
    assert.equal(attributeText(attributes(outer, 0).get(1)), "dummy");
  });

  it("end where bytes are cut short or make no sense, without an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const { payload } of netlinkMessages(bytes)) {
          for (const value of attributes(payload, 4).values()) assert.ok(value.length <= bytes.length);
        }
      }),
    );
  });
});
