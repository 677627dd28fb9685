/** The view against instances that are odd, on a terminal that is none. */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import type { ReadStream } from "node:tty";
import { describe, it, type TestContext } from "node:test";
import { snapshotOf } from "../../test/support/admin-snapshot.ts";
import { until } from "../../test/support/until.ts";
import { AdminClient } from "./admin-client.ts";
import { runPlain, runScreen } from "./run-top.ts";
import type { TerminalOutput } from "./terminal.ts";
import { firstState } from "./view-state.ts";

/** @param answer the n-th request, from 0 */
async function instance(
  t: TestContext,
  answer: (response: ServerResponse, n: number) => void,
): Promise<{ readonly client: AdminClient; readonly asked: URLSearchParams[] }> {
  const asked: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    asked.push(new URL(request.url ?? "/", "http://nodens").searchParams);
    answer(response, asked.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { client: new AdminClient([{ kind: "tcp", host: "127.0.0.1", port }]), asked };
}

function screen(
  t: TestContext,
  client: AdminClient,
  stopped: AbortSignal,
): { input: PassThrough; done: Promise<void> } {
  const fd = openSync("/dev/null", "w");
  t.after(() => closeSync(fd));
  const input = Object.assign(new PassThrough(), { setRawMode: () => {} });
  const output = Object.assign(new PassThrough().resume(), { fd, columns: 120, rows: 40 });
  const done = runScreen(
    client,
    input as unknown as ReadStream,
    output as unknown as TerminalOutput,
    firstState(200),
    { styled: false, ascii: true },
    stopped,
  );
  return { input, done };
}

const never = new AbortController().signal;

describe("the view", () => {
  it("is left at once while an instance does not answer", async (t) => {
    const { client, asked } = await instance(t, (response, n) => {
      if (n === 0) response.end(JSON.stringify(snapshotOf()));
    });
    const { input, done } = screen(t, client, never);
    await until(() => asked.length === 2, "a look that hangs");
    const fromMs = performance.now();
    input.write("q");
    await done;
    assert.ok(performance.now() - fromMs < 1000);
  });

  it("ends at once on a signal while an instance does not answer, also without a terminal", async (t) => {
    const { client, asked } = await instance(t, () => {});
    const stop = new AbortController();
    const { done } = screen(t, client, stop.signal);
    const plain = runPlain({
      client,
      intervalMs: 200,
      once: false,
      json: false,
      state: firstState(200),
      rows: 10,
      write: () => Promise.resolve(true),
      stopped: stop.signal,
    });
    const both = Promise.allSettled([done, plain]);
    await until(() => asked.length === 2, "looks that hang");
    const fromMs = performance.now();
    stop.abort();
    await both;
    assert.ok(performance.now() - fromMs < 1000);
  });

  it("that is held asks once for what a key wants", async (t) => {
    const { client, asked } = await instance(t, (response) => response.end(JSON.stringify(snapshotOf())));
    const { input, done } = screen(t, client, never);
    await until(() => asked.length === 2, "two looks");
    input.write(" ");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const held = asked.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(asked.length, held);
    input.write("s");
    await until(() => asked.length === held + 1, "one look");
    assert.equal(asked.at(-1)?.get("client_order"), "queries");
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(asked.length, held + 1);
    input.write("q");
    await done;
  });
});

describe("whoever answers in place of an instance", () => {
  for (const [body, status, expected] of [
    ["\u001B]0;mine\u0007\u009Bred\n", 500, / answers 500: \]0;mine red$/],
    ['{"api":1}', 200, / is no admin API of Nodens$/],
    ['{"api":"\\u001b[31m2","totals":{}}', 200, / speaks version \[31m2 of the admin API/],
    ["<html>", 200, / is no admin API of Nodens$/],
  ] as const) {
    it(`with ${JSON.stringify(body)} is told of in a line that cannot speak to the terminal`, async (t) => {
      const { client } = await instance(t, (response) => response.writeHead(status).end(body));
      await assert.rejects(screen(t, client, never).done, (error: unknown) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, expected);
        assert.doesNotMatch(error.message, /\p{Cc}/u);
        return true;
      });
    });
  }
});
