import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nameFromText } from "../../dns/name-text.ts";
import { isShortened, SearchWalk, WALK_MS } from "./search-walk.ts";

const wire = (text: string): string => Buffer.from(nameFromText(text)).toString("latin1");
const SEARCH = ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local.", "corp.example."];

/** Asks in turn, 1 ms apart; a name with `!` is denied. @returns how many queries are waste */
function waste(...names: readonly string[]): number {
  const walk = new SearchWalk();
  let wasted = 0;
  for (const [i, text] of names.entries()) {
    const denied = text.endsWith("!");
    wasted += walk.ask(wire(denied ? text.slice(0, -1) : text), denied, i, 1).length;
  }
  return wasted;
}

describe("search waste", () => {
  const walkOf = (base: string): string[] => SEARCH.map((domain) => `${base}.${domain}!`);

  it("is all of a walk but its last name", () => {
    assert.equal(waste(...walkOf("www.example.org"), "www.example.org."), 4);
    assert.equal(waste(...walkOf("www.example.org"), "www.example.org.!"), 4);
  });

  it("counts A and AAAA", () => {
    const twice = walkOf("www.example.org").flatMap((name) => [name, name]);
    assert.equal(waste(...twice, "www.example.org.", "www.example.org."), 8);
  });

  it("is what came before the domain that has the name", () => {
    assert.equal(waste("redis.cache.shop.svc.cluster.local.!", "redis.cache.svc.cluster.local."), 1);
    assert.equal(waste("redis.shop.svc.cluster.local."), 0);
  });

  it("is not what a client guesses or is told", () => {
    assert.equal(waste("a.example.!", "b.example.!", "c.example."), 0);
    assert.equal(waste("www.a.example.!", "www.b.example."), 0);
    assert.equal(waste("a.example.!", "a.example."), 0);
    assert.equal(waste("a.example.", "a."), 0);
    assert.equal(waste("a.b.example.!", "b.example."), 0);
    assert.equal(waste("a.example.!", "."), 0);
  });

  it("is counted once, and forgotten after a while", () => {
    assert.equal(waste("a.x.example.!", "a.example.", "a."), 1);
    const walk = new SearchWalk();
    walk.ask(wire("a.x.example."), true, 0, 1);
    assert.equal(walk.ask(wire("a.example."), false, WALK_MS + 1, 1).length, 0);
  });

  it("is found among the names of others in between, in bounded memory", () => {
    assert.equal(waste("a.x.example.!", "b.y.example.!", "b.example.", "a.example."), 2);
    const many = Array.from({ length: 1000 }, (_, i) => `n${i}.x.example.!`);
    assert.equal(waste(...many, ...many.map((_, i) => `n${i}.example.`)), 16);
  });
});

describe("a shortened name", () => {
  const label = fc.constantFrom("a", "b", "cc", "svc", "0\\003svc");
  const labels = fc.array(label, { minLength: 1, maxLength: 4 });
  const text = (...parts: readonly (readonly string[])[]): string => wire(`${parts.flat().join(".")}.`);

  it("is one with labels left out behind the first", () => {
    fc.assert(
      fc.property(labels, labels, fc.oneof(labels, fc.constant([])), (base, left, tail) => {
        assert.ok(isShortened(text(base, left, tail), text(base, tail)));
      }),
    );
  });

  it("is no other one", () => {
    fc.assert(
      fc.property(labels, labels, (a, b) => {
        const model = a.some(
          (_, i) =>
            i > 0 &&
            a.some((__, j) => j > i - 1 && `${[...a.slice(0, i), ...a.slice(j + 1)].join(".")}` === b.join(".")),
        );
        assert.equal(isShortened(text(a), text(b)), model, `${a.join(".")} to ${b.join(".")}`);
      }),
      { numRuns: 2000 },
    );
  });
});
