/** What clients saw, from the lines of `probing-client.worker.ts`. */
import type { ClusterNamespaces, Place, Started } from "./cluster-namespaces.ts";
import type { Probe } from "./probing-client.worker.ts";

export interface Probing {
  /** Ends the client and reads all that it told. */
  end(): Promise<Probe[]>;
}

export async function startProbing(
  cluster: ClusterNamespaces,
  place: Place,
  addresses: readonly string[],
  intervalMs = 20,
  name = "a.example.org",
): Promise<Probing> {
  const client: Started = cluster.script(
    place,
    "./probing-client.worker.ts",
    "53",
    String(intervalMs),
    name,
    ...addresses,
  );
  await client.until("ready\n");
  return {
    end: async () => {
      await client.end("SIGTERM");
      return client.lines().flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Probe] : []));
    },
  };
}

/** By address and transport: `udp 10.96.0.10`. */
export function byTarget(probes: readonly Probe[]): Map<string, Probe[]> {
  return Map.groupBy(probes, ({ address, transport }) => `${transport} ${address}`);
}

export function failed(probes: readonly Probe[]): Probe[] {
  return probes.filter((probe) => probe.error !== undefined);
}

/** For messages of assertions. */
export function describeProbes(probes: readonly Probe[], zeroMs: number): string {
  return probes
    .map(
      ({ sentMs, tookMs, answer, error }) =>
        `${Math.round(sentMs - zeroMs)} ms: ${answer ?? error} (${Math.round(tookMs)} ms)`,
    )
    .join("\n");
}
