import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatDuration, readDuration } from "./duration.ts";

describe("readDuration", () => {
  for (const [text, ms] of [
    ["0", 0],
    ["+0", 0],
    ["5s", 5000],
    ["+5s", 5000],
    ["-5s", -5000],
    ["300ms", 300],
    ["1.5h", 5_400_000],
    ["2h45m", 9_900_000],
    ["1m30s", 90_000],
    ["1h0m0.5s", 3_600_500],
    [".5s", 500],
    ["1.s", 1000],
    ["0s", 0],
    ["10us", 0.01],
    ["10\u00b5s", 0.01],
    ["10\u03bcs", 0.01],
    ["1000000ns", 1],
    ["5s5s", 10_000],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(readDuration(text), ms));
  }

  for (const [text, fact] of [
    ["", 'time: invalid duration ""'],
    ["-", 'time: invalid duration "-"'],
    ["s", 'time: invalid duration "s"'],
    [".s", 'time: invalid duration ".s"'],
    ["5", 'time: missing unit in duration "5"'],
    ["1m5", 'time: missing unit in duration "1m5"'],
    ["5d", 'time: unknown unit "d" in duration "5d"'],
    ["5 s", 'time: unknown unit " s" in duration "5 s"'],
    ["5S", 'time: unknown unit "S" in duration "5S"'],
    ["--5s", 'time: invalid duration "--5s"'],
    ["9999999999h", 'time: invalid duration "9999999999h"'],
    ["5constructor", 'time: unknown unit "constructor" in duration "5constructor"'],
  ] as const) {
    it(`refuses ${text === "" ? "nothing" : text}`, () => assert.equal(readDuration(text), fact));
  }
});

describe("formatDuration", () => {
  for (const [ms, text] of [
    [0, "0s"],
    [30_000, "30s"],
    [300_000, "5m0s"],
    [3_600_000, "1h0m0s"],
    [5_400_000, "1h30m0s"],
    [1500, "1.5s"],
    [250, "250ms"],
    [0.01, "10\u00b5s"],
    [0.000_001, "1ns"],
    [-90_000, "-1m30s"],
  ] as const) {
    it(`writes ${text}`, () => assert.equal(formatDuration(ms), text));
  }

  it("is read back to what was written, to the nanosecond", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 15), max: 10 ** 15 }), (ns) => {
        const back = readDuration(formatDuration(ns / 1e6));
        assert.equal(typeof back, "number");
        assert.ok(Math.abs(Number(back) * 1e6 - ns) < 0.5, `${ns} became ${back}`);
      }),
    );
  });
});
