/**
 * What the kernel counts of tracked connections, in this process's network namespace.
 *
 * `/proc/net/stat/nf_conntrack`: names in the first line, then a line of hexadecimal numbers for each processor
 * (net/netfilter/nf_conntrack_standalone.c, `ct_cpu_seq_show`). `entries` is the whole's in every line. Kernels before 5.9
 * have `searched` where there is `clashres` now.
 */
import { readFileSync } from "node:fs";

export interface ConntrackStats {
  /** Connections that are tracked. */
  readonly entries: number;
  /** How many may be; 0 when the kernel does not tell. */
  readonly limit: number;
  /** Packets dropped because their connection could not be entered: what loses the second query of a pair from one socket. */
  readonly insertFailed: number;
  /** Packets dropped because the table was full, or memory was short. */
  readonly drop: number;
  /** Connections thrown out early to make room. */
  readonly earlyDrop: number;
  /** Races of two packets of one connection that the kernel resolved (Linux 5.9 and later, else 0). */
  readonly clashResolve: number;
  /** Packets that could not be tracked. */
  readonly invalid: number;
}

const STAT = "/proc/net/stat/nf_conntrack";
const LIMIT = "/proc/sys/net/netfilter/nf_conntrack_max";

/** @returns undefined where connections are not tracked, or one may not know */
export function conntrackStats(): ConntrackStats | undefined {
  const stat = read(STAT);
  return stat === undefined ? undefined : parseConntrackStats(stat, read(LIMIT) ?? "");
}

/** @returns undefined when it is not the file that it should be */
export function parseConntrackStats(stat: string, limit: string): ConntrackStats | undefined {
  const [names, ...processors] = stat.split("\n").map((line) => line.trim().split(/\s+/));
  if (names === undefined || names[0] !== "entries") return undefined;
  const rows = processors.filter((row) => row.length === names.length);
  if (rows.length === 0) return undefined;
  const sum = (name: string): number => {
    const at = names.indexOf(name);
    if (at < 0) return 0;
    return rows.reduce((total, row) => total + (Number.parseInt(row[at] ?? "", 16) || 0), 0);
  };
  return {
    entries: Number.parseInt(rows[0]?.[0] ?? "", 16) || 0,
    limit: Number.parseInt(limit, 10) || 0,
    insertFailed: sum("insert_failed"),
    drop: sum("drop"),
    earlyDrop: sum("early_drop"),
    clashResolve: sum("clashres"),
    invalid: sum("invalid"),
  };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
