#!/usr/bin/env node
/** The `node-cache` command: in place of NodeLocal DNSCache's, with its flags. */
import { launch } from "./launch.js";

const ASIDE = /^--?(?:h|help|version|plugins|dry-run)$/;
const ALONE = /^--?keeper=(?:0|f|F|false|FALSE|False)$/;

await launch({
  url: import.meta.url,
  main: ["cli/node-cache/main.ts", "node-cache.js"],
  keeper: ["cli/node-cache/keep.ts", "node-cache-keeper.js"],
  serves: (args) => !args.some((arg) => ASIDE.test(arg)),
  keeps: (args) => !args.some((arg) => ALONE.test(arg)),
  keep: ({ keepNodeCache }, start) => keepNodeCache(start),
});
