/**
 * `npm run lockfile`: `npm install`, then puts back what npm leaves out of `package-lock.json`.
 *
 * Tools bring one optional package for each platform. npm records only those that the registry in use had at that
 * moment, and `npm ci` then refuses the file ("Missing: … from lock file"). This adds the absent ones by name, exact
 * version, and the platform that their names tell, without an integrity hash: a machine of that platform fetches them,
 * all others skip them.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { missingPlatformPackages, type Lockfile } from "./lockfile.ts";

const path = fileURLToPath(new URL("../package-lock.json", import.meta.url));

const npm = spawnSync("npm", ["install", "--package-lock-only", ...process.argv.slice(2)], { stdio: "inherit" });
if (npm.status !== 0) process.exit(3);

// The one place that trusts the shape of npm's own file.
const lockfile = JSON.parse(readFileSync(path, "utf8")) as Lockfile;
const missing = missingPlatformPackages(lockfile);
for (const entry of missing) lockfile.packages[`node_modules/${entry.name}`] = entry.record;
const order = new Intl.Collator("en").compare;
lockfile.packages = Object.fromEntries(Object.entries(lockfile.packages).sort(([a], [b]) => order(a, b)));
writeFileSync(path, `${JSON.stringify(lockfile, null, 2)}\n`);
process.stdout.write(`${missing.length} platform packages added to package-lock.json\n`);
