/** The bench's upstreams from outside: `upstream.ts` and others as children on the load generator's core. */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { spawnPinned } from "./children.ts";

export interface BenchUpstream {
  readonly port: number;
  /** Queries received so far. */
  queries(): Promise<number>;
  stop(): Promise<void>;
}

export async function startBenchUpstream(core: number): Promise<BenchUpstream> {
  const upstream = await startUpstreamProcess(core, new URL("./upstream.ts", import.meta.url), []);
  return {
    port: upstream.port,
    async queries() {
      const [udp = 0, tcp = 0] = await upstream.count("udp", "tcp");
      return udp + tcp;
    },
    stop: () => upstream.stop(),
  };
}

export interface UpstreamProcess {
  readonly port: number;
  /** What it has counted so far, by the names that it gives to that. */
  count(...names: readonly string[]): Promise<number[]>;
  stop(): Promise<void>;
}

/**
 * @param script sends `{ port }` when it listens, and its counts when it is sent anything; ends when
 *   the channel is closed
 */
export async function startUpstreamProcess(
  core: number,
  script: URL,
  args: readonly string[],
): Promise<UpstreamProcess> {
  const command = [process.execPath, fileURLToPath(script), ...args];
  const child = spawnPinned(core, command, ["ignore", "inherit", "inherit", "ipc"]);
  const waiting: PromiseWithResolvers<object>[] = [];
  child.on("message", (message: unknown) => {
    if (typeof message === "object" && message !== null) waiting.shift()?.resolve(message);
  });
  const exited = once(child, "exit").then(() => {
    for (const one of waiting.splice(0)) one.reject(new Error("the bench's upstream has ended"));
  });
  const next = (): Promise<object> => {
    const one = Promise.withResolvers<object>();
    waiting.push(one);
    return one.promise;
  };

  const port = number(await next(), "port");
  return {
    port,
    async count(...names) {
      const counts = next();
      child.send("count");
      const counted = await counts;
      return names.map((name) => number(counted, name));
    },
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}

function number(of: object, key: string): number {
  const value: unknown = Reflect.get(of, key);
  if (typeof value !== "number") throw new Error(`the bench's upstream did not say its ${key}`);
  return value;
}
