/** What is published says nothing about the machines it was written on. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readText, trackedFiles } from "./source-files.ts";

const files = trackedFiles().filter((path) => !/\.(png|jpg|ico|pcap|pcapng|gz)$/.test(path));

/** Absolute paths under a person's or a build's folder. A path inside a URL or a longer path does not count. */
const DEVELOPER_PATH = /(?<![\w./-])\/(?:work|Users|home\/[a-z][\w-]*|root)\/[\w.-]+/g;

function matches(pattern: RegExp): string[] {
  return files.flatMap((path) =>
    readText(path)
      .split("\n")
      .flatMap((line, index) => [...line.matchAll(pattern)].map((match) => `${path}:${index + 1}: ${match[0]}`)),
  );
}

describe("tracked files", () => {
  it("has files to look at", () => assert.ok(files.length > 20));

  it("name no absolute path of a developer's machine", () => {
    assert.deepEqual(matches(DEVELOPER_PATH), []);
  });

  it("would be caught if they did", () => {
    const path = ["", "work", "main", "src"].join("/");
    for (const line of [path, `"${path}"`, `cd ${path}`, `file://${path}`.slice(7)]) {
      assert.equal([...line.matchAll(DEVELOPER_PATH)].length, 1, line);
    }
    assert.equal([..."https://example.org/work/main".matchAll(DEVELOPER_PATH)].length, 0);
  });

  it("take packages from the public registry or name no place at all", () => {
    const places = [...readText("package-lock.json").matchAll(/"resolved": "([^"]*)"/g)].map((match) => match[1] ?? "");
    assert.deepEqual(
      places.filter((place) => !place.startsWith("https://registry.npmjs.org/")),
      [],
    );
  });

  it("hold no secrets", () => {
    assert.deepEqual(
      matches(/-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b/g),
      [],
    );
  });
});
