/** One run of dnsperf, and what it printed. */
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { spawnPinned } from "./children.ts";

export interface DnsperfRun {
  readonly core: number;
  readonly port: number;
  /** File of `name type` lines. */
  readonly queries: string;
  readonly seconds: number;
  readonly clients: number;
  /** Queries that wait for an answer at most. */
  readonly outstanding: number;
  /** Offered rate; undefined: as fast as answers come. */
  readonly queriesPerSecond?: number;
  /** Go through the file once and end, however much time is left. */
  readonly once?: boolean;
  readonly transport?: "udp" | "tcp";
}

export interface DnsperfResult {
  readonly sent: number;
  readonly completed: number;
  readonly lost: number;
  /** By name: `{ NOERROR: 10, NXDOMAIN: 5 }`. */
  readonly rcodes: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly queriesPerSecond: number;
  /** Milliseconds. */
  readonly averageLatencyMs: number;
  readonly maxLatencyMs: number;
}

/** A query that is not answered after this is lost. */
const TIMEOUT_S = 2;

export function dnsperfArguments(run: DnsperfRun): string[] {
  const rate = run.queriesPerSecond === undefined ? [] : ["-Q", String(run.queriesPerSecond)];
  const fixed = `-s 127.0.0.1 -p ${run.port} -l ${run.seconds} -c ${run.clients} -T 1 -q ${run.outstanding}`.split(" ");
  const passes = run.once === true ? ["-n", "1"] : [];
  const mode = ["-m", run.transport ?? "udp", "-t", String(TIMEOUT_S), "-O", "suppress=timeout"];
  return [...fixed, "-d", run.queries, ...mode, ...rate, ...passes];
}

/** Runs it to its end. Rejects when it fails or prints what is not understood. */
export async function runDnsperf(run: DnsperfRun): Promise<DnsperfResult> {
  const child = spawnPinned(run.core, ["dnsperf", ...dnsperfArguments(run)], ["ignore", "pipe", "pipe"]);
  if (child.stdout === null || child.stderr === null) throw new Error("no pipes to dnsperf");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (child.exitCode !== 0) throw new Error(`dnsperf failed: ${stderr.trim() || stdout.trim()}`);
  return parseDnsperf(stdout);
}

/** Reads the statistics of dnsperf 2.x. */
export function parseDnsperf(output: string): DnsperfResult {
  const field = (label: string): string => {
    const value = new RegExp(`^\\s*${label}:\\s+(.*)$`, "m").exec(output)?.[1];
    if (value === undefined) throw new Error(`no "${label}" in what dnsperf printed`);
    return value;
  };
  const number = (label: string): number => Number.parseFloat(field(label));
  const latency = field("Average Latency \\(s\\)");
  const rcodes: Record<string, number> = {};
  // Without answers the line is empty.
  if (number("Queries completed") > 0) {
    for (const [, name, count] of field("Response codes").matchAll(/([A-Z0-9]+) (\d+) \(/g)) {
      if (name !== undefined) rcodes[name] = Number(count);
    }
  }
  return {
    sent: number("Queries sent"),
    completed: number("Queries completed"),
    lost: number("Queries lost"),
    rcodes,
    seconds: number("Run time \\(s\\)"),
    queriesPerSecond: number("Queries per second"),
    averageLatencyMs: milliseconds(latency),
    maxLatencyMs: milliseconds(/max ([\d.]+)/.exec(latency)?.[1] ?? ""),
  };
}

/** From seconds with six decimals. */
function milliseconds(seconds: string): number {
  return Math.round(Number.parseFloat(seconds) * 1e6) / 1000;
}
