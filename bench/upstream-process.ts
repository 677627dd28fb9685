/** The bench's upstream from outside: `upstream.ts` as a child on the load generator's core. */
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
  const script = fileURLToPath(new URL("./upstream.ts", import.meta.url));
  const child = spawnPinned(core, [process.execPath, script], ["ignore", "inherit", "inherit", "ipc"]);
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
    async queries() {
      const counts = next();
      child.send("count");
      return number(await counts, "udp") + number(await counts, "tcp");
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
