/** The house stands: imports go down, special packages stay in their rooms, nothing imports itself in a circle. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { refusal, roomOf, type Room } from "./floors.ts";
import { SOURCES, filesMatching, importsOf, isTest, type Import } from "./source-files.ts";

const imports: readonly Import[] = SOURCES.flatMap(importsOf);
const production: readonly Import[] = imports.filter((each) => !isTest(each.from));

function show(offenders: readonly Import[], why: string): string {
  return offenders.map((each) => `\n  ${each.from}:${each.line} imports ${each.to}: ${why}`).join("");
}

function assertNone(offenders: readonly Import[], why: string): void {
  assert.equal(offenders.length, 0, show(offenders, why));
}

/** Rooms that may import a package; all others may not. */
const RESERVED: Record<string, readonly string[]> = {
  koffi: ["linux"],
  "node:ffi": ["linux"],
  "node:child_process": ["linux"],
  "prom-client": ["server/metrics"],
  commander: ["cli"],
  "@kubernetes/client-node": ["kube"],
  "@kubernetes/client-node/dist/config.js": ["kube"],
};

const TEST_PACKAGES = ["fast-check", "dns-packet", "node:test"];

describe("floors", () => {
  it("has sources to look at", () => assert.ok(imports.length > 20, `${imports.length} imports found`));

  it("knows the room of every source file", () => {
    assert.deepEqual(
      SOURCES.filter((path) => roomOf(path) === undefined),
      [],
    );
  });

  it("lets a room import itself and lower floors only", () => {
    const messages = imports.flatMap((each) => {
      const from = roomOf(each.from);
      const to = each.ours ? roomOf(each.to) : undefined;
      const why = from === undefined || to === undefined ? undefined : refusal(from, to);
      return why === undefined ? [] : `\n  ${each.from}:${each.line} imports ${each.to}, which ${why}`;
    });
    assert.equal(messages.length, 0, messages.join(""));
  });

  it("keeps tests, benches and scripts out of the product", () => {
    assertNone(
      production.filter((each) => each.ours && !each.to.startsWith("src/")),
      "outside src",
    );
    assertNone(
      production.filter((each) => TEST_PACKAGES.includes(each.to)),
      "is for tests",
    );
    assertNone(
      production.filter((each) => each.ours && isTest(each.to)),
      "is a test",
    );
  });

  it("keeps special packages in their rooms", () => {
    const strays = production.filter((each) => {
      const rooms = RESERVED[each.to];
      return rooms !== undefined && !rooms.includes(roomOf(each.from)?.name ?? "");
    });
    assertNone(strays, "belongs to another room");
  });

  it("keeps the pure rooms pure: no node: module, no package, no clock", () => {
    const pure = production.filter((each) => ["dns", "packet"].includes(roomOf(each.from)?.name ?? ""));
    assertNone(
      pure.filter((each) => !each.ours),
      "is not pure",
    );
    assertNone(
      pure.filter((each) => each.to === "src/base/clock.ts"),
      "reads the clock",
    );
  });

  it("imports straight to the file: no barrels", () => {
    assert.deepEqual(filesMatching("src/**/index.ts"), []);
    assertNone(
      imports.filter((each) => each.ours && !/\.(ts|js|json)$/.test(each.to)),
      "has no extension",
    );
  });

  it("imports nothing in a circle", () => {
    assert.deepEqual(circles(imports.filter((each) => each.ours)), []);
  });
});

describe("the law of floors", () => {
  const room = (path: string): Room => roomOf(path) ?? assert.fail(`${path} has no room`);

  it("refuses up and sideways, and allows down and home", () => {
    const cases: [from: string, to: string, allowed: boolean][] = [
      ["src/cli/serve.ts", "src/base/errors.ts", true],
      ["src/base/errors.ts", "src/dns/name.ts", false],
      ["src/dns/name.ts", "src/packet/ethernet.ts", false],
      ["src/server/daemon/start.ts", "src/server/web/http.ts", true],
      ["src/server/cache/store.ts", "src/server/chain/query.ts", false],
      ["src/server/cache/store.ts", "src/server/cache/reader.ts", true],
      ["src/server/fastpath/loop.ts", "src/server/plugins/cache/setup.ts", true],
      ["src/server/plugins/cache/setup.ts", "src/server/plugins/forward/setup.ts", false],
      ["src/server/plugins/cache/setup.ts", "src/server/chain/query.ts", true],
      ["src/linux/libc.ts", "src/server/cache/store.ts", false],
    ];
    for (const [from, to, allowed] of cases) {
      assert.equal(refusal(room(from), room(to)) === undefined, allowed, `${from} -> ${to}`);
    }
    assert.equal(roomOf("src/server/attic/x.ts"), undefined);
    assert.equal(roomOf("src/utils/x.ts"), undefined);
  });

  it("finds a circle", () => {
    const edge = (from: string, to: string): Import => ({ from, to, ours: true, typeOnly: false, line: 1 });
    assert.deepEqual(circles([edge("a", "b"), edge("b", "c"), edge("c", "b")]), ["b -> c -> b"]);
    assert.deepEqual(circles([edge("a", "b"), edge("a", "c"), edge("b", "c")]), []);
  });
});

/** @returns one line for each circle that a depth-first walk meets */
function circles(edges: readonly Import[]): string[] {
  const targets = Map.groupBy(edges, (edge) => edge.from);
  const done = new Set<string>();
  const found: string[] = [];
  const walk = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) found.push([...trail.slice(at), file].join(" -> "));
    if (at >= 0 || done.has(file)) return;
    for (const edge of targets.get(file) ?? []) walk(edge.to, [...trail, file]);
    done.add(file);
  };
  for (const file of targets.keys()) walk(file, []);
  return found;
}
