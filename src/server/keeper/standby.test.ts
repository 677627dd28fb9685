import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { systemClock } from "../../base/clock.ts";
import { duplicateFd } from "../../linux/fd.ts";
import { LoopWatch } from "../../linux/loop-watch.ts";
import { AnswerStore } from "../cache/answer-store.ts";
import { DescriptorStore } from "./descriptor-store.ts";
import { Standby } from "./standby.ts";

/** Nobody has a descriptor of this number: to duplicate it fails, as it does when there are none left. */
const NONE = 1 << 20;

describe("what the standby is to serve", { skip: withoutFfi }, () => {
  it("is passed over where it cannot be had", (t) => {
    const watch = new LoopWatch();
    const standby = new Standby(watch);
    t.after(() => {
      standby.close();
      watch.close();
    });
    const kept = new DescriptorStore();
    t.after(() => kept.drop("store"));
    const plan = {
      store: "store",
      listeners: [{ id: 1, socket: "udp", stream: "tcp", wildcard: false, zones: [] }],
      endpoints: [{ socket: "http", replies: [] }],
    };
    for (const name of ["store", "udp", "http"]) kept.keep(name, {}, NONE);
    assert.equal(standby.plan(plan, kept), false);
    const { region } = AnswerStore.create({ bytes: 1 << 20, clock: systemClock }).handle;
    assert.ok(region.kind === "memfd");
    kept.keep("store", {}, duplicateFd(region.fd));
    assert.equal(standby.plan(plan, kept), true);
    standby.serve();
    standby.park();
  });
});
