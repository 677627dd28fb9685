import assert from "node:assert/strict";
import { fstatSync } from "node:fs";
import { describe, it } from "node:test";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { createEventFd } from "../../linux/event-fd.ts";
import { closeFd } from "../../linux/fd.ts";
import { DescriptorStore } from "./descriptor-store.ts";

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

describe("kept descriptors", { skip: withoutFfi }, () => {
  it("are found by name until dropped, taken, replaced, or all closed, and closed then unless taken", () => {
    const store = new DescriptorStore();
    const [a, b, c] = [createEventFd(), createEventFd(), createEventFd()];
    store.keep("one", { id: 1 }, a);
    store.keep("two", {}, b);
    assert.deepEqual(store.get("one"), { name: "one", meta: { id: 1 }, fd: a });
    assert.deepEqual(
      store.items.map(({ name }) => name),
      ["one", "two"],
    );
    store.keep("one", { id: 2 }, c);
    assert.deepEqual([a, b, c].map(isOpen), [false, true, true]);
    store.drop("two");
    store.drop("two");
    store.drop("three");
    assert.deepEqual([b, c].map(isOpen), [false, true]);
    const d = createEventFd();
    store.keep("four", {}, d);
    assert.equal(store.take("four"), d);
    assert.equal(store.take("four"), undefined);
    store.close();
    assert.deepEqual([c, d].map(isOpen), [false, true]);
    closeFd(d);
    assert.deepEqual(store.items, []);
  });
});
