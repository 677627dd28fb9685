/** Runs the flooder on the load generator's core. */
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { spawnPinned } from "./children.ts";

export interface FloodRequest {
  /** Of 127.0.0.1. */
  readonly port: number;
  readonly queriesPerSecond: number;
  readonly seconds: number;
}

export interface FloodResult {
  readonly sent: number;
  /** With whatever response code. */
  readonly answered: number;
}

/** Rejects when the flooder fails, for one where there is no FFI. */
export async function flood(core: number, request: FloodRequest): Promise<FloodResult> {
  const script = fileURLToPath(new URL("./flooder.ts", import.meta.url));
  const child = spawnPinned(core, [process.execPath, script, JSON.stringify(request)], ["ignore", "pipe", "inherit"]);
  if (child.stdout === null) throw new Error("no pipe to the flooder");
  const [stdout] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (child.exitCode !== 0) throw new Error("the flooder failed");
  const [sent, answered] = numbers(stdout, ["sent", "answered"]);
  return { sent, answered };
}

export function parseFloodRequest(json: string): FloodRequest {
  const [port, queriesPerSecond, seconds] = numbers(json, ["port", "queriesPerSecond", "seconds"]);
  return { port, queriesPerSecond, seconds };
}

function numbers<const Keys extends readonly string[]>(json: string, keys: Keys): { [Key in keyof Keys]: number } {
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null) throw new Error("not an object");
  return keys.map((key) => {
    const number: unknown = Reflect.get(value, key);
    if (typeof number !== "number") throw new Error(`${key} must be a number`);
    return number;
  }) as { [Key in keyof Keys]: number };
}
