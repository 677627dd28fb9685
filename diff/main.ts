/**
 * Asks Nodens and another server the same: `npm run diff -- --peer unbound`.
 *
 * Both forward to one upstream that answers by the question alone (`answers.ts`). What differs and has no reason in
 * `docs/differences.md` (`explained.ts`) is shown.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killChildren } from "../bench/children.ts";
import { startServer } from "../bench/running-server.ts";
import { describeError, UsageError } from "../src/base/errors.ts";
import { startUpstream } from "../test/support/scripted-upstream.ts";
import { react } from "./answers.ts";
import { parseOptions, USAGE } from "./options.ts";
import { nodens, peer } from "./peers.ts";
import { runQueries } from "./run.ts";
import { Tally } from "./tally.ts";

const EXIT_FINDINGS = 1;
const EXIT_USAGE = 2;
const EXIT_CANNOT = 3;
/** No core matters here: nothing is measured. */
const CORE = 0;

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  const theirKind = peer(options.peer);
  const version = theirKind.version();
  if (version === undefined) {
    process.stderr.write(`diff: ${options.peer} is not installed: apt-get install ${options.peer}\n`);
    return EXIT_CANNOT;
  }
  const directory = mkdtempSync(join(tmpdir(), "nodens-diff-"));
  process.on("exit", () => {
    killChildren();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.on(signal, () => process.exit(code));
  }
  const upstream = await startUpstream({ script: react });
  const launch = { core: CORE, upstreamPort: upstream.port, forceTcp: false, waiting: 0, directory };
  const [ours, theirs] = await Promise.all([startServer(nodens, launch), startServer(theirKind, launch)]);
  if (ours === undefined || theirs === undefined) throw new Error("a server cannot do what is asked");
  const tally = new Tally(options.peer, options.show);
  const startMs = performance.now();
  await runQueries({
    ourPort: ours.port,
    theirPort: theirs.port,
    queries: options.queries,
    seed: options.seed,
    onCase: (found) => tally.add(found),
  });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  await Promise.all([ours.stop(), theirs.stop(), upstream.close()]);
  process.stdout.write(`nodens beside ${options.peer} ${version}, seed ${options.seed}, ${seconds} s\n`);
  process.stdout.write(`${tally.report(options.queries).join("\n")}\n`);
  return tally.unexplained === 0 ? 0 : EXIT_FINDINGS;
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`diff: ${describeError(error)}\n`);
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}\n`);
  process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_FINDINGS);
}
