import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { keysOf } from "./keys.ts";
import { firstState, press, type Shown, type ViewState } from "./view-state.ts";

const SHOWN: Shown = { length: { clients: 30, names: 5 }, page: 10, client: "shop/web-1 10.244.0.7" };

/** @returns the state after some keys, none of which leaves */
function after(...keys: readonly string[]): ViewState {
  return keys.reduce<ViewState>(
    (state, key) => press(state, key, SHOWN) ?? assert.fail(`${key} leaves`),
    firstState(1000),
  );
}

describe("keys of the view", () => {
  it("move within a list, and to the other one", () => {
    assert.deepEqual(after("down", "j", "down", "up").line, { clients: 2, names: 0 });
    assert.deepEqual(after("page-down", "page-down", "page-down", "page-down").line.clients, 29);
    assert.deepEqual(after("up").line.clients, 0);
    assert.deepEqual(after("tab", "end").line, { clients: 0, names: 4 });
    assert.deepEqual(after("end", "home").line.clients, 0);
    assert.equal(after("tab", "tab").focus, "clients");
  });

  it("sort, all the way round, and names by what names have", () => {
    assert.equal(after("s").order.clients, "queries");
    assert.equal(after("S").order.clients, "latency");
    assert.equal(after("s", "s", "s", "s", "s").order.clients, "rate");
    assert.deepEqual(after("tab", "S").order, { clients: "rate", names: "waste" });
    assert.equal(after("down", "s").line.clients, 0);
  });

  it("filter while typing, and keep or forget it", () => {
    assert.equal(after("/", "q", "s", " ", "x").filter.clients, "qs x");
    assert.equal(after("/", "a", "b", "backspace").filter.clients, "a");
    assert.deepEqual(after("/", "a", "enter", "s").order.clients, "queries");
    assert.equal(after("/", "a", "enter", "/", "b", "escape").filter.clients, "a");
    assert.equal(after("/", "a", "enter", "escape").filter.clients, "");
    assert.equal(after("/", "a", "ctrl-u").filter.clients, "");
    assert.equal(after("/", ...Array.from({ length: 200 }, () => "x")).filter.clients.length, 100);
  });

  it("show the names of one client, or namespaces, or help", () => {
    assert.equal(after("enter").of, SHOWN.client);
    assert.equal(after("enter", "escape").of, undefined);
    assert.equal(after("tab", "enter").of, undefined);
    assert.deepEqual([after("enter", "g").byNamespace, after("enter", "g").of], [true, undefined]);
    assert.equal(after("?").help, true);
    assert.equal(after("?", "s").help, false);
    assert.equal(after("?", "s").order.clients, "rate");
  });

  it("hold on, and look more or less often", () => {
    assert.equal(after(" ").paused, true);
    assert.equal(after(" ", " ").paused, false);
    assert.equal(after("+").intervalMs, 2000);
    assert.equal(after("-", "-", "-", "-").intervalMs, 250);
  });

  it("leave", () => {
    assert.equal(press(firstState(1000), "q", SHOWN), undefined);
    for (const state of [after(), after("/"), after("?")]) assert.equal(press(state, "ctrl-c", SHOWN), undefined);
  });

  it("are read from what terminals send, and nothing else is one", () => {
    assert.deepEqual(keysOf("\u001B[A\u001B[5~q\u001B"), ["up", "page-up", "q", "escape"]);
    assert.deepEqual(keysOf("\u001BOB\u001B[1~\t\r\u007F\u0015\u0003\u001A"), [
      "down",
      "home",
      "tab",
      "enter",
      "backspace",
      "ctrl-u",
      "ctrl-c",
      "ctrl-z",
    ]);
    assert.deepEqual(keysOf("\u001B[200~\u001B[1;5A\u0001"), []);
    fc.assert(fc.property(fc.string(), (text) => void keysOf(text)));
  });
});
