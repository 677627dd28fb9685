/** Query files for dnsperf, and names for the prober. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";

/** Twelve names as a cluster's pods ask for them; three of them do not exist, as search lists make them. */
export const HOT_NAMES: readonly string[] = [
  "kubernetes.default.svc.cluster.local.",
  "api.shop.svc.cluster.local.",
  "cart.shop.svc.cluster.local.",
  "postgres.data.svc.cluster.local.",
  "redis-master.data.svc.cluster.local.",
  "kafka-0.kafka.data.svc.cluster.local.",
  "metrics.monitoring.svc.cluster.local.",
  "www.example.com.",
  "storage.googleapis.com.",
  "nx-www.example.com.default.svc.cluster.local.",
  "nx-www.example.com.svc.cluster.local.",
  "nx-www.example.com.cluster.local.",
];

/** A and AAAA of each hot name, in turn. */
export async function writeHotQueries(path: string): Promise<void> {
  await writeFile(path, HOT_NAMES.flatMap((name) => [`${name} A\n`, `${name} AAAA\n`]).join(""));
}

/** `count` names that no other file with another `tag` has. @param tag letters and digits */
export async function writeColdQueries(path: string, tag: string, count: number): Promise<void> {
  const file = createWriteStream(path);
  const perPiece = 10_000;
  for (let from = 0; from < count; from += perPiece) {
    const piece = Array.from({ length: Math.min(perPiece, count - from) }, (_, i) => `${coldName(tag, from + i)} A\n`);
    if (!file.write(piece.join(""))) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}

export function coldName(tag: string, index: number): string {
  return `p${index.toString(36)}.${tag}.cold.example.`;
}
