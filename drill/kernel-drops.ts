/** Datagrams that the kernel threw away because a server's socket buffer was full (`/proc/net/udp`, last column). */
import { readFileSync } from "node:fs";

/** @returns of all IPv4 sockets on `port`, since each was opened; undefined when there is none */
export function dropsOfPort(port: number): number | undefined {
  return parseDrops(readFileSync("/proc/net/udp", "utf8"), port);
}

/** @param text of `/proc/net/udp` */
export function parseDrops(text: string, port: number): number | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const drops = text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true)
    .map((fields) => Number(fields.at(-1)));
  return drops.length === 0 ? undefined : drops.reduce((sum, each) => sum + each, 0);
}
