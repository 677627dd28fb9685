#!/usr/bin/env node
/** The `nodens` command. */
import { launch } from "./launch.js";

const ASIDE = ["--no-keeper", "--help", "-h"];

/** Value of `--handover`, the last one; undefined without one. */
function handoverPath(words) {
  const at = words.findLastIndex((word) => word === "--handover" || word.startsWith("--handover="));
  if (at < 0) return undefined;
  const path = words[at] === "--handover" ? words[at + 1] : words[at].slice("--handover=".length);
  return path === "" ? undefined : path;
}

await launch({
  url: import.meta.url,
  main: ["cli/main.ts", "main.js"],
  keeper: ["server/keeper/keeper.ts", "keeper.js"],
  serves: (args) => args[0] === "serve",
  keeps: (args) => !args.some((arg) => ASIDE.includes(arg)),
  keep: async ({ canKeep, runKeeper }, { args, command, environment }) =>
    canKeep() ? await runKeeper({ command, environment, handover: handoverPath(args) }) : "alone",
});
