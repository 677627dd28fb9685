import assert from "node:assert/strict";
import { describe, it, mock, type TestContext } from "node:test";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { PluginInstance } from "../../chain/plugin.ts";
import {
  answering,
  chainOf,
  emptyReply,
  type FakeContext,
  setUp,
  testQuery,
} from "../../../../test/support/setup-context.ts";
import { errors } from "./errors.ts";

/** A chain that fails each query with the next message of `fail`. */
function failing(corefile: string): {
  readonly context: FakeContext;
  readonly instance: PluginInstance;
  fail(message: string): Promise<Answer>;
} {
  const { context, instance } = setUp(errors, corefile);
  const messages: string[] = [];
  const chain = chainOf(
    instance,
    answering((query) => ({ wire: emptyReply(query, 2), plugin: "forward", error: new Error(messages.shift()) })),
  );
  return {
    context,
    instance,
    fail: (message) => {
      messages.push(message);
      return chain.serve(testQuery("Example.ORG", "A"));
    },
  };
}

function fakeTimers(test: TestContext): void {
  mock.timers.enable({ apis: ["setTimeout"] });
  test.after(() => mock.timers.reset());
}

describe("errors", () => {
  it("logs response code, name, type and reason, and passes the answer on", async () => {
    const { context, fail } = failing(". {\nerrors\n}");
    const answer = await fail("read udp 10.0.0.1:53->8.8.8.8:53: i/o timeout");
    assert.deepEqual(context.log.lines, [
      "[ERROR] plugin/errors: 2 example.org. A: read udp 10.0.0.1:53->8.8.8.8:53: i/o timeout",
    ]);
    assert.equal(answer.plugin, "forward");
  });

  it("says nothing of an answer without error, whatever its code", async () => {
    const { context, instance } = setUp(errors, ". {\nerrors stdout\n}");
    await chainOf(instance).serve(testQuery("example.org", "A"));
    assert.deepEqual(context.log.lines, []);
    assert.equal(context.seesEveryQuery, false);
  });

  it("keeps a name from forging lines", async () => {
    const { context, fail } = failing(". {\nerrors\n}");
    await fail("a\n[ERROR] b");
    assert.deepEqual(context.log.lines, ["[ERROR] plugin/errors: 2 example.org. A: a\\n[ERROR] b"]);
  });

  it("logs the stack of a defect when asked to, and leaves it to the edge", async () => {
    const defect = new Error("never");
    const broken: Handler = { serve: () => Promise.reject(defect) };
    const plain = setUp(errors, ". {\nerrors\n}");
    await assert.rejects(chainOf(plain.instance, broken).serve(testQuery("a", "A")), defect);
    assert.deepEqual(plain.context.log.lines, []);
    const traced = setUp(errors, ". {\nerrors {\nstacktrace\n}\n}");
    await assert.rejects(chainOf(traced.instance, broken).serve(testQuery("a", "A")), defect);
    assert.match(
      traced.context.log.lines.join("\n"),
      /^\[ERROR\] plugin\/errors: Recovered from panic in server: Error: never\\n +at /,
    );
  });
});

describe("errors with consolidate", () => {
  it("counts errors of a kind and tells of them at the end of the period", async (test) => {
    fakeTimers(test);
    const { context, fail } = failing('. {\nerrors {\nconsolidate 30s "^read udp .* i/o timeout$"\n}\n}');
    for (let i = 0; i < 3; i++) await fail("read udp a->b: i/o timeout");
    await fail("refused");
    assert.deepEqual(context.log.lines, ["[ERROR] plugin/errors: 2 example.org. A: refused"]);
    mock.timers.tick(29_999);
    assert.equal(context.log.lines.length, 1);
    mock.timers.tick(1);
    assert.deepEqual(context.log.lines.slice(1), [
      "[ERROR] plugin/errors: 3 errors like '^read udp .* i/o timeout$' occurred in last 30s",
    ]);
    await fail("read udp a->b: i/o timeout");
    mock.timers.tick(30_000);
    assert.match(context.log.lines[2] ?? "", /: 1 errors like /);
  });

  it("uses the level that is written", async (test) => {
    fakeTimers(test);
    for (const [level, label] of [
      ["warning", "WARNING"],
      ["error", "ERROR"],
      ["info", "INFO"],
    ] as const) {
      const { context, fail } = failing(`. {\nerrors {\nconsolidate 1m . ${level}\n}\n}`);
      await fail("x");
      mock.timers.tick(60_000);
      assert.deepEqual(context.log.lines, [`[${label}] plugin/errors: 1 errors like '.' occurred in last 1m0s`]);
    }
    const { context, fail } = failing(". {\nerrors {\nconsolidate 1m . debug\n}\n}");
    await fail("x");
    mock.timers.tick(60_000);
    assert.deepEqual(context.log.lines, []);
  });

  it("shows the first at once and counts it, and a single one only once", async (test) => {
    fakeTimers(test);
    const { context, fail } = failing(". {\nerrors {\nconsolidate 5m timeout$ warning show_first\n}\n}");
    for (let i = 0; i < 3; i++) await fail("timeout");
    assert.deepEqual(context.log.lines, ["[WARNING] plugin/errors: 2 example.org. A: timeout"]);
    mock.timers.tick(300_000);
    assert.deepEqual(context.log.lines.slice(1), [
      "[WARNING] plugin/errors: 3 errors like 'timeout$' occurred in last 5m0s",
    ]);
    await fail("timeout");
    mock.timers.tick(300_000);
    assert.deepEqual(context.log.lines.slice(2), ["[WARNING] plugin/errors: 2 example.org. A: timeout"]);
  });

  it("gives an error to the first pattern that matches", async (test) => {
    fakeTimers(test);
    const { context, fail } = failing(". {\nerrors {\nconsolidate 1s ^a\nconsolidate 1s b$ info\n}\n}");
    await fail("ab");
    await fail("xb");
    mock.timers.tick(1000);
    assert.deepEqual(context.log.lines, [
      "[ERROR] plugin/errors: 1 errors like '^a' occurred in last 1s",
      "[INFO] plugin/errors: 1 errors like 'b$' occurred in last 1s",
    ]);
  });

  it("tells of what it counted when it is stopped, and logs later errors as they come", async (test) => {
    fakeTimers(test);
    const { context, instance, fail } = failing(". {\nerrors {\nconsolidate 1h .\n}\n}");
    await fail("x");
    await fail("x");
    await instance.stop?.("reload");
    assert.deepEqual(context.log.lines, ["[ERROR] plugin/errors: 2 errors like '.' occurred in last 1h0m0s"]);
    await fail("late");
    mock.timers.tick(3_600_000);
    assert.deepEqual(context.log.lines.slice(1), ["[ERROR] plugin/errors: 2 example.org. A: late"]);
  });
});

describe("the errors directive", () => {
  for (const [lines, message] of [
    ["errors stderr", "Corefile:2:8: invalid log file: stderr"],
    ["errors stdout x", "Corefile:2:15: Wrong argument count: 'errors' does not take 'x'"],
    ["errors\nerrors", "Corefile:3:1: this plugin can only be used once per Server Block"],
    ["errors {\nstack\n}", "Corefile:3:1: unknown property 'stack'"],
    ["errors {\nstacktrace 1\n}", "Corefile:3:12: Wrong argument count: 'stacktrace' does not take '1'"],
    ["errors {\nconsolidate 5m\n}", "Corefile:3:13: Wrong argument count or unexpected line ending after '5m'"],
    ["errors {\nconsolidate 5 x\n}", 'Corefile:3:13: time: missing unit in duration "5"'],
    ["errors {\nconsolidate 5m x verbose\n}", "Corefile:3:18: unknown option in consolidate: verbose"],
    ["errors {\nconsolidate 5m x info error\n}", "Corefile:3:23: multiple log levels specified in consolidate"],
    [
      "errors {\nconsolidate 5m x show_first info\n}",
      "Corefile:3:29: log level must come before show_first in consolidate",
    ],
    [`errors {\nconsolidate 5m ${"x".repeat(10_001)}\n}`, "Corefile:3:16: regex pattern too long: 10001 > 10000"],
  ] as const) {
    it(`refuses ${lines.slice(0, 60).replaceAll("\n", " | ")}`, () => {
      assert.throws(() => setUp(errors, `. {\n${lines}\n}`), { message });
    });
  }

  it("refuses a pattern that is none", () => {
    assert.throws(() => setUp(errors, ". {\nerrors {\nconsolidate 5m (\n}\n}"), {
      message: /^Corefile:3:16: error parsing regexp: /,
    });
  });
});
