#!/usr/bin/env node
/** The `nodens` command. */
import { launch } from "./launch.js";

const ASIDE = ["--no-keeper", "--help", "-h"];

/** What an option begins with, when its value is the next word or behind it in the same. */
const CONFIG = /^(?:--config(?:$|=)|-c)/;
const HANDOVER = /^--handover(?:$|=)/;

/** Value of an option, the last one; undefined without one, or when it is empty. */
function valueOf(words, option) {
  const at = words.findLastIndex((word) => option.test(word));
  if (at < 0) return undefined;
  const rest = words[at].replace(option, "");
  const value = rest === "" && !words[at].endsWith("=") ? words[at + 1] : rest;
  return value === "" ? undefined : value;
}

await launch({
  url: import.meta.url,
  main: ["cli/main.ts", "main.js"],
  keeper: ["server/keeper/keeper.ts", "keeper.js"],
  serves: (args) => args[0] === "serve",
  keeps: (args) => !args.some((arg) => ASIDE.includes(arg)),
  keep: async ({ canKeep, runKeeper }, { args, command, environment }) =>
    canKeep()
      ? await runKeeper({
          command,
          environment,
          readsInput: valueOf(args, CONFIG) === "stdin",
          handover: valueOf(args, HANDOVER),
        })
      : "alone",
});
