import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planText } from "./plan-text.ts";
import { PlumbingFailure } from "./plumbing-error.ts";
import { type Step, applySteps, planAndApply } from "./step.ts";

function recorder(): {
  readonly log: string[];
  step(name: string, others?: Partial<Step>): Step;
  failing(name: string, others?: Partial<Step>): Step;
} {
  const log: string[] = [];
  const step = (name: string, others: Partial<Step> = {}): Step => ({
    program: "iptables-restore",
    input: `${name}\n`,
    changes: [{ kind: "added", what: name }],
    apply: async () => void log.push(name),
    undo: async () => void log.push(`undo ${name}`),
    ...others,
  });
  const failing = (name: string, others: Partial<Step> = {}): Step =>
    step(name, {
      apply: async () => {
        throw new PlumbingFailure("iptables_lock", "held");
      },
      ...others,
    });
  return { log, step, failing };
}

describe("applySteps", () => {
  it("takes a group back when one of its steps fails, latest first, and goes on with the next group", async () => {
    const { log, step, failing } = recorder();
    const changes = await applySteps([[step("a"), step("b"), failing("c"), step("d")], [step("e")]]);
    assert.deepEqual(log, ["a", "b", "undo b", "undo a", "e"]);
    assert.deepEqual(changes, [
      { kind: "failed", what: "c", failure: { errorType: "iptables_lock", reason: "held" } },
      { kind: "added", what: "e" },
    ]);
  });

  it("stops at a step that the later ones need", async () => {
    const { log, step, failing } = recorder();
    const changes = await applySteps([[failing("link", { essential: true })], [step("address")]]);
    assert.deepEqual(log, []);
    assert.equal(changes.length, 1);
  });

  it("tells what stays done when it cannot be taken back", async () => {
    const { step, failing } = recorder();
    const { undo: _, ...kept } = step("a");
    const changes = await applySteps([[kept, failing("b")]]);
    assert.deepEqual(
      changes.map(({ kind, what }) => `${kind} ${what}`),
      ["added a", "failed b"],
    );
  });

  it("goes on taking back when that fails too", async () => {
    const { log, step, failing } = recorder();
    const stuck = step("b", {
      undo: async () => {
        throw new PlumbingFailure("iptables_lock", "held");
      },
    });
    await applySteps([[step("a"), stuck, failing("c")]]);
    assert.deepEqual(log, ["a", "b", "undo a"]);
  });
});

describe("planAndApply", () => {
  it("tells a state that cannot be read", async () => {
    const changes = await planAndApply("rules", async () => {
      throw new PlumbingFailure("iptables", "iptables-save: broken");
    });
    assert.deepEqual(changes, [
      { kind: "failed", what: "rules", failure: { errorType: "iptables", reason: "iptables-save: broken" } },
    ]);
  });
});

describe("planText", () => {
  it("is a script: commands with what they are given, one command for what follows itself", () => {
    const { step } = recorder();
    const steps = [step("x", { program: "ip -batch -" }), step("y", { program: "ip -batch -" }), step("z")];
    assert.equal(
      planText({ steps, failures: [] }),
      "ip -batch - <<'END'\nx\ny\nEND\niptables-restore <<'END'\nz\nEND\n",
    );
  });

  it("is empty when there is nothing to do, and says what cannot be read", () => {
    assert.equal(planText({ steps: [], failures: [] }), "");
    const failure = { errorType: "iptables", reason: "not permitted" } as const;
    assert.equal(
      planText({ steps: [], failures: [{ kind: "failed", what: "rules", failure }] }),
      "# rules: not permitted\n",
    );
  });
});
