/** A server under test while it runs: started on its core, ready when it answers. */
import type { ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { askUdp, queryFor } from "../test/support/dns-client.ts";
import { endChild, spawnPinned } from "./children.ts";
import type { LaunchPlan, ServerKind } from "./servers.ts";

export interface RunningServer {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly plan: LaunchPlan;
  /** From the start of the process to its first answer. */
  readonly startMs: number;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly core: number | "any";
  readonly upstreamPort: number;
  readonly forceTcp: boolean;
  readonly waiting: number;
  /** Existing folder; a folder for this server is made in it, and removed. */
  readonly directory: string;
}

const READY_MS = 15_000;
/** Between two questions while it is not ready: short, because the start is measured with it. */
const ASK_EVERY_MS = 2;

/** @returns undefined when it cannot do what is asked. Rejects when it ends or does not answer in 15 s. */
export async function startServer(kind: ServerKind, options: StartOptions): Promise<RunningServer | undefined> {
  const port = await freePort();
  const directory = join(options.directory, `${kind.name}-${port}`);
  const { upstreamPort, forceTcp, waiting } = options;
  const plan = kind.plan({ port, upstreamPort, forceTcp, waiting, directory });
  if (plan === undefined) return undefined;
  await mkdir(directory);
  for (const [name, text] of Object.entries(plan.files)) await writeFile(join(directory, name), text);

  const startedAt = performance.now();
  const child = spawnPinned(options.core, plan.command, ["ignore", "pipe", "pipe"]);
  const output = collect(child);
  const stop = async (): Promise<void> => {
    await endChild(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await untilAnswers(port, child);
  } catch (cause) {
    await stop();
    throw new Error(`${kind.name} does not answer: ${plan.command.join(" ")}\n${output().trimEnd()}`, { cause });
  }
  return { name: kind.name, pid: child.pid ?? 0, port, plan, startMs: performance.now() - startedAt, stop };
}

async function untilAnswers(port: number, child: ChildProcess): Promise<void> {
  const wire = queryFor("ready.bench.", 1);
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("it has ended");
    const answer = await askUdp({ port, wire, timeoutMs: 200 }).catch(() => undefined);
    if (answer !== undefined && (answer[3] ?? 0) % 16 === 0) return;
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  throw new Error(`no answer in ${READY_MS} ms`);
}

/** Last part of what it printed. */
function collect(child: ChildProcess): () => string {
  let tail = "";
  const keep = (chunk: unknown): void => {
    tail = (tail + String(chunk)).slice(-4000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  child.on("error", keep);
  return () => tail;
}

/** Below the kernel's ephemeral ports, so that nobody is given it by chance before the server takes it. */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${FIRST_PORT} to ${LAST_PORT}`);
}

async function isFree(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  const bound = await new Promise<boolean>((resolve) => {
    socket.once("error", () => resolve(false));
    socket.bind(port, "127.0.0.1", () => resolve(true));
  });
  socket.close();
  return bound;
}
