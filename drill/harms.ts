/** The harm that each drill does, and when. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DrillName } from "./options.ts";
import { isAlive, serverBelow, serverProcess, signal } from "./processes.ts";
import { type ResourceSample, resourcesOf } from "./resources.ts";
import { badCorefile, type Target } from "./target.ts";
import type { TcpClients } from "./tcp-clients.ts";

/** Load before the first harm, and after the last, milliseconds. */
const LEAD_MS = 1000;
const UPGRADES = 10;
const POLL_MS = 5;
/** A server that stands still is killed by the drill when nobody else does it for so long. */
const HANG_PATIENCE_MS = 5000;

export interface Harm {
  /** Milliseconds since the load began. */
  readonly atMs: number;
  /** For the picture: `kill -9`. */
  readonly label: string;
  /** Until the first answer over TCP on a connection made at the harm; undefined: not before the next harm, or it says nothing here. */
  nextAnswerMs?: number;
  /** Until the one that was harmed was gone. */
  goneMs?: number;
  /** What went otherwise than it should. */
  problem?: string;
}

export interface HarmContext {
  readonly target: Target;
  readonly tcp: TcpClients;
  /** From one harm to the next, milliseconds. */
  readonly everyMs: number;
  /** Of load. */
  readonly lengthMs: number;
  readonly harms: Harm[];
  /** Of keeper and server, just before a harm; drills that take none leave it empty. */
  readonly resources: ResourceSample[];
  /** Times when there was nobody to harm. */
  missed: number;
  /** Milliseconds since the load began. */
  nowMs(): number;
}

/** Does the drill's harms; resolves when the last is over. */
export async function doHarms(drill: DrillName, context: HarmContext): Promise<void> {
  switch (drill) {
    case "kill-server":
      return await repeatedly(context, (server) => strike(context, server, "kill -9", "SIGKILL"));
    case "hang-server":
      return await repeatedly(context, (server) => hang(context, server));
    case "kill-keeper":
      return await repeatedly(context, () => strike(context, context.target.pid, "kill -9 keeper", "SIGKILL"));
    case "upgrade":
      return await upgrade(context);
    case "crash-loop":
      return await crashLoop(context);
    case "soak":
      return await repeatedly(context, (server) => {
        sample(context, server);
        return strike(context, server, "kill -9", "SIGKILL");
      });
  }
}

/** @param harm does it to a server at once, and waits for what follows until `everyMs` have passed */
async function repeatedly(context: HarmContext, harm: (server: number) => Promise<void>): Promise<void> {
  const hasKeeper = context.target.hasKeeper;
  for (let atMs = LEAD_MS; atMs <= context.lengthMs - LEAD_MS; atMs += context.everyMs) {
    await until(context, atMs);
    // Where there is a keeper, it is never taken for its server, also while that is away.
    const server = hasKeeper ? serverBelow(context.target.pid) : serverProcess(context.target.pid);
    if (server === undefined || !isAlive(server)) context.missed++;
    else await harm(server);
  }
}

/** A server that is about to be killed has lived for as long as each before it. */
function sample(context: HarmContext, server: number): void {
  const { resources, target } = context;
  const [ofKeeper, ofServer] = [resourcesOf(target.pid), resourcesOf(server)];
  if (ofKeeper === undefined || ofServer === undefined) return;
  resources.push({ atMs: context.nowMs(), keeper: ofKeeper, server: ofServer });
}

async function strike(context: HarmContext, pid: number, label: string, how: NodeJS.Signals): Promise<void> {
  const harm = begin(context, label);
  signal(pid, how);
  await nextAnswer(context, harm, context.everyMs);
}

async function hang(context: HarmContext, server: number): Promise<void> {
  const { everyMs } = context;
  const harm = begin(context, "kill -STOP");
  signal(server, "SIGSTOP");
  const answered = nextAnswer(context, harm, everyMs);
  while (isAlive(server)) {
    if (context.nowMs() - harm.atMs > HANG_PATIENCE_MS) {
      harm.problem = `nobody ended it for ${HANG_PATIENCE_MS / 1000} s`;
      signal(server, "SIGKILL");
      break;
    }
    await sleep(POLL_MS);
  }
  harm.goneMs = context.nowMs() - harm.atMs;
  await answered;
}

async function upgrade(context: HarmContext): Promise<void> {
  for (let i = 0; i < UPGRADES; i++) {
    await until(context, LEAD_MS + i * context.everyMs);
    if (context.nowMs() > context.lengthMs - LEAD_MS) {
      context.missed += UPGRADES - i;
      return;
    }
    const over = context.tcp.noteHarm();
    const harm: Harm = { atMs: context.nowMs(), label: "upgrade" };
    context.harms.push(harm);
    const { tookMs, oldExitCode } = await context.target.handOver();
    over();
    harm.goneMs = tookMs;
    if (oldExitCode !== 0) {
      harm.problem = oldExitCode === undefined ? "nothing was handed over" : `the old one ended with ${oldExitCode}`;
    }
  }
}

async function crashLoop(context: HarmContext): Promise<void> {
  const { target, lengthMs } = context;
  const good = target.corefile();
  await until(context, lengthMs / 6);
  const server = serverProcess(target.pid);
  target.configure(badCorefile(target.port));
  begin(context, "bad Corefile, kill -9");
  signal(server, "SIGKILL");
  await until(context, lengthMs * 0.6);
  target.configure(good);
  const back = begin(context, "good Corefile");
  await nextAnswer(context, back, lengthMs - LEAD_MS - back.atMs);
  if (back.nextAnswerMs === undefined) back.problem = "no server until the end";
}

function begin(context: HarmContext, label: string): Harm {
  context.tcp.noteHarm();
  const harm: Harm = { atMs: context.nowMs(), label };
  context.harms.push(harm);
  return harm;
}

async function nextAnswer(context: HarmContext, harm: Harm, patienceMs: number): Promise<void> {
  const ms = await context.tcp.firstAnswer(AbortSignal.timeout(Math.max(Math.floor(patienceMs) - POLL_MS, 0)));
  if (ms !== undefined) harm.nextAnswerMs = ms;
}

async function until(context: HarmContext, atMs: number): Promise<void> {
  const waitMs = atMs - context.nowMs();
  if (waitMs > 0) await sleep(waitMs);
}
