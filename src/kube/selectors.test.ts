import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseFieldSelector, parseLabelSelector, SelectorError } from "./selectors.ts";

const LABELS = { app: "web", tier: "front", "example.org/size": "7", empty: "" };

describe("a label selector", () => {
  for (const [selector, expected] of [
    ["", true],
    ["app=web", true],
    ["app==web", true],
    ["app = web", true],
    ["app=db", false],
    ["app!=db", true],
    ["app!=web", false],
    ["none!=web", true],
    ["app", true],
    ["none", false],
    ["!none", true],
    ["!app", false],
    ["app in (web, db)", true],
    ["app in (db)", false],
    ["none in (db)", false],
    ["app notin (db,cache)", true],
    ["app notin (web)", false],
    ["none notin (web)", true],
    ["empty=", true],
    ["empty in (,x)", true],
    ["app=", false],
    ["example.org/size>6", true],
    ["example.org/size<7", false],
    ["app>1", false],
    ["app=web,tier=front", true],
    ["app=web,tier in (back,front),!none", true],
    ["app=web,tier=back", false],
  ] as const) {
    it(`${selector || "(none)"} is ${expected}`, () => assert.equal(parseLabelSelector(selector)(LABELS), expected));
  }

  for (const selector of ["a in b", "a in (b", "=b", "a=b=c", "a=b,", "a b", "a>x", "a=(b)"]) {
    it(`${selector} is none`, () => assert.throws(() => parseLabelSelector(selector), SelectorError));
  }
});

describe("a field selector", () => {
  const pod = { metadata: { name: "a", namespace: "b" }, spec: { nodeName: "worker-1" } };
  for (const [selector, expected] of [
    ["", true],
    ["spec.nodeName=worker-1", true],
    ["spec.nodeName==worker-1", true],
    ["spec.nodeName!=worker-1", false],
    ["metadata.name=a,metadata.namespace=b", true],
    ["metadata.name=a,metadata.namespace!=b", false],
    ["status.phase=", true],
    ["status.phase!=Running", true],
  ] as const) {
    it(`${selector || "(none)"} is ${expected}`, () => assert.equal(parseFieldSelector(selector)(pod), expected));
  }

  for (const selector of ["spec.nodeName", "=a", "a in (b)", "a=b c"]) {
    it(`${selector} is none`, () => assert.throws(() => parseFieldSelector(selector), SelectorError));
  }
});
