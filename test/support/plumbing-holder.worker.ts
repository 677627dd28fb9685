/**
 * Holds plumbing as a keeper does: interface, then rules when told, the lease at its interval, a check each second.
 *
 * A process: `node plumbing-holder.worker.ts SPEC_JSON`. Prints one line of JSON for its choice, and one for each change.
 * A line `rules` on standard input sets the rules up. SIGTERM removes all and ends it.
 */
import { openPlumbing } from "../../src/server/plumbing/open-plumbing.ts";
import { type Change, LEASE_REFRESH_MS, type PlumbingSpec } from "../../src/server/plumbing/plumbing.ts";

const CHECK_MS = 1000;
const [text = "{}"] = process.argv.slice(2);

function say(what: unknown): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function tell(changes: readonly Change[]): void {
  for (const change of changes) say(change);
}

const plumbing = await openPlumbing(JSON.parse(text) as PlumbingSpec);
say({ choice: plumbing.choice, extraAddresses: plumbing.extraAddresses });
tell(await plumbing.ensureInterface());
say("interface");
let check: NodeJS.Timeout | undefined;
let lease: NodeJS.Timeout | undefined;
process.stdin.once("data", () => {
  void (async () => {
    tell(await plumbing.ensureRules());
    plumbing.refreshLease();
    lease = setInterval(() => plumbing.refreshLease(), LEASE_REFRESH_MS);
    check = setInterval(() => {
      void plumbing.ensureInterface().then(tell);
      void plumbing.ensureRules().then(tell);
    }, CHECK_MS);
    say("rules");
  })();
});
process.once("SIGTERM", () => {
  clearInterval(check);
  clearInterval(lease);
  void (async () => {
    tell(await plumbing.removeRules());
    tell(await plumbing.removeInterface());
    plumbing.close();
    process.exit(0);
  })();
});
