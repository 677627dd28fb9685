/**
 * Harms a running Nodens under load, and tells what became of every query: `npm run drill -- kill-server`.
 *
 * What is done and what counts as lost stands in `drill/README.md`. Whatever way this process ends, what it started ends
 * too.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { describeError, UsageError } from "../src/base/errors.ts";
import { libc } from "../src/linux/libc.ts";
import { doHarms, type HarmContext } from "./harms.ts";
import { dropsOfPort } from "./kernel-drops.ts";
import { startLoad, type RunningLoad } from "./load.ts";
import { parseOptions, USAGE, type DrillOptions } from "./options.ts";
import {
  OVERFLOWN_WORD,
  REFUSED_WORD,
  REPEATED_WORD,
  STRAY_WORD,
  UNSENT_WORD,
  type QueryRecords,
} from "./query-records.ts";
import { gapsIn, headline, renderReport, wentWell, type Outcome } from "./report.ts";
import { resourcesCsv } from "./resources.ts";
import { LOST_AFTER_MS, summarize } from "./summary.ts";
import { CannotStart, Target } from "./target.ts";
import { TcpClients } from "./tcp-clients.ts";
import { timelineOf } from "./timeline.ts";
import { timelineSvg } from "./timeline-svg.ts";
import { startDrillUpstream, type DrillUpstream } from "./upstream.ts";

const EXIT_LOST = 1;
const EXIT_USAGE = 2;
const EXIT_CANNOT = 3;
const SIGNAL_EXITS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const UPSTREAM_DELAY_MS = 20;
/** Long enough that nothing expires; in a crash loop short, so that what is stale is asked for too. */
const TTL_S = 3600;
const CRASH_LOOP_TTL_S = 10;
const SOCKETS = 32;
const BUCKET_MS = 20;
/** A picture is not wider. */
const BUCKETS_MAX = 6000;

/** Started so far, for the way out. */
let upstream: DrillUpstream | undefined;
let target: Target | undefined;
let load: RunningLoad | undefined;

process.on("exit", () => {
  upstream?.halt();
  load?.halt();
  target?.kill();
});
for (const [signal, code] of Object.entries(SIGNAL_EXITS)) process.on(signal, () => process.exit(code));

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (libc() === undefined) throw new CannotStart("needs Linux on x86-64 or arm64, with FFI");
  upstream = await startDrillUpstream(UPSTREAM_DELAY_MS, options.drill === "crash-loop" ? CRASH_LOOP_TTL_S : TTL_S);
  const server = await Target.start(upstream.port, (created) => {
    target = created;
  });
  if (options.drill === "upgrade" && !server.canHandOver) throw new CannotStart("this build's serve has no --handover");
  await server.warm(options.hotNames);
  process.stderr.write(`${headline({ options, hasKeeper: server.hasKeeper })}\n`);
  const outcome = await run(options, server, upstream);
  await server.end();
  await upstream.stop();
  process.stdout.write(`${renderReport(outcome)}\n`);
  process.exitCode = wentWell(outcome) ? 0 : EXIT_LOST;
}

/** The load, the harm, and what came of it. */
async function run(options: DrillOptions, server: Target, source: DrillUpstream): Promise<Outcome> {
  const hasKeeper = server.hasKeeper;
  const before = source.counts();
  const { rate, seconds, hotNames, missPercent } = options;
  const running = await startLoad({
    port: server.port,
    rate,
    seconds,
    hotNames,
    missPercent,
    sockets: SOCKETS,
    lostAfterMs: LOST_AFTER_MS,
  });
  load = running;
  const tcp = new TcpClients(server.port, hotNames);
  tcp.start();
  const context: HarmContext = {
    target: server,
    tcp,
    everyMs: options.every * 1000,
    lengthMs: seconds * 1000,
    harms: [],
    resources: [],
    missed: 0,
    nowMs: () => systemClock.monotonicMs() - running.startMs,
  };
  await doHarms(options.drill, context);
  await running.done;
  await tcp.finish();
  const after = source.counts();
  const { records } = running;
  const word = (index: number): number => records.words[index] ?? 0;
  const outcome: Outcome = {
    options,
    hasKeeper,
    summary: summarize(records),
    harms: context.harms,
    missed: context.missed,
    restarts: server.restarts,
    tcp: tcp.counts,
    gapsMs: gapsIn(server.log),
    resources: context.resources,
    upstream: {
      hot: after.hot - before.hot,
      misses: after.misses - before.misses,
      overrun: after.overrun - before.overrun,
    },
    load: {
      repeated: word(REPEATED_WORD),
      stray: word(STRAY_WORD),
      refused: word(REFUSED_WORD),
      unsent: word(UNSENT_WORD),
      overflown: word(OVERFLOWN_WORD),
      ownPauseMs: records.ownPauseMs,
    },
    serverDrops: dropsOfPort(server.port),
  };
  writeResults(outcome, records, server.log);
  return outcome;
}

function writeResults(outcome: Outcome, records: QueryRecords, log: string): void {
  const { options, summary, harms } = outcome;
  const { all } = summary;
  const svg = timelineSvg({
    title: headline(outcome),
    subtitle: `${all.sent} sent, ${all.answered} answered, ${all.lost} lost, ${all.wrong} wrong; worst latency ${all.worstMs.toFixed(0)} ms; ${harms.length} harms`,
    timeline: timelineOf(records, Math.max(BUCKET_MS, Math.ceil((options.seconds * 1000) / BUCKETS_MAX))),
    marks: harms,
  });
  mkdirSync(options.out, { recursive: true });
  const picture = join(options.out, `${options.drill}.svg`);
  writeFileSync(picture, svg);
  writeFileSync(join(options.out, `${options.drill}.log`), log);
  if (outcome.resources.length > 0) {
    writeFileSync(join(options.out, `${options.drill}.csv`), resourcesCsv(outcome.resources));
  }
  process.stderr.write(`timeline: ${relative(process.cwd(), picture)}\n\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`drill: ${describeError(error)}\n`);
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}\n`);
  process.exit(error instanceof UsageError ? EXIT_USAGE : EXIT_CANNOT);
}
process.exit();
