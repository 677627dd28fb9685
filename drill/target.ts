/**
 * The `nodens serve` that a drill harms: started, supervised, ended.
 *
 * Supervised as a container runtime would: when the process that was started ends by itself it is started again. With a
 * keeper that happens only when the keeper is killed. All have a mark in their environment, so that what a killed one
 * leaves behind is found.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { askUdp } from "../test/support/dns-client.ts";
import { freePort } from "../test/support/free-port.ts";
import { killMarked, serverBelow } from "./processes.ts";
import { isRightAnswer, queryOf } from "./questions.ts";

/** A drill that cannot begin: exit code 3. */
export class CannotStart extends Error {}

const MARK = "NODENS_DRILL";
const BIN = fileURLToPath(new URL("../bin/nodens.js", import.meta.url));
const READY_MS = 15_000;
const ASK_EVERY_MS = 20;
const RESTART_FIRST_MS = 100;
const RESTART_MAX_MS = 2000;
/** Who has lived so long is started again at once. */
const LIVED_MS = 500;
const HANDOVER_MS = 20_000;
/** Grace for a server that is asked to end. */
const END_MS = 7000;
const LOG_MAX_CHARACTERS = 4_000_000;
/** Names that are asked for at once while the cache is warmed. */
const WARM_AT_ONCE = 50;

const withParentDeath =
  spawnSync("setpriv", ["--pdeathsig", "KILL", "true"], { stdio: "ignore" }).status === 0
    ? ["setpriv", "--pdeathsig", "KILL"]
    : [];

export interface Takeover {
  /** From the start of the new one to the end of the old one, milliseconds. */
  readonly tookMs: number;
  /** undefined: the old one had to be killed, or the new one gave up. */
  readonly oldExitCode: number | undefined;
}

export class Target {
  readonly port: number;
  /** Whether `serve` knows `--handover`. */
  readonly canHandOver: boolean;
  readonly #folder: string;
  readonly #corefile: string;
  readonly #mark: string;
  #current: ChildProcess | undefined;
  /** Started to take over, and has not yet. */
  #successor: ChildProcess | undefined;
  #ending: boolean;
  #log: string;
  #restarts: number;
  #restartMs: number;

  private constructor(port: number, folder: string, canHandOver: boolean) {
    this.port = port;
    this.canHandOver = canHandOver;
    this.#folder = folder;
    this.#corefile = join(folder, "Corefile");
    this.#mark = randomUUID();
    this.#current = undefined;
    this.#successor = undefined;
    this.#ending = false;
    this.#log = "";
    this.#restarts = 0;
    this.#restartMs = 0;
  }

  /** @param onCreated is given the target before anything runs: what has been started can then be ended */
  static async start(upstreamPort: number, onCreated: (target: Target) => void): Promise<Target> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "nodens-drill-"));
    const help = spawnSync(process.execPath, [BIN, "serve", "--help"], { encoding: "utf8" });
    const target = new Target(port, folder, help.stdout.includes("--handover"));
    onCreated(target);
    target.configure(goodCorefile(port, upstreamPort));
    const child = target.#spawn();
    target.#current = child;
    await target.#untilAnswers(child);
    return target;
  }

  /** The process that was started: the keeper where there is one. */
  get pid(): number {
    return this.#current?.pid ?? 0;
  }

  get hasKeeper(): boolean {
    return serverBelow(this.pid) !== undefined;
  }

  /** How often the drill had to start it again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** What it printed. */
  get log(): string {
    return this.#log;
  }

  /** The Corefile as it stands. */
  corefile(): string {
    return readFileSync(this.#corefile, "utf8");
  }

  /** Replaces it. */
  configure(text: string): void {
    writeFileSync(this.#corefile, text);
  }

  /** Asks for names until each has its right answer. @throws CannotStart */
  async warm(names: number): Promise<void> {
    const deadline = performance.now() + READY_MS;
    let next = 0;
    const ask = async (): Promise<void> => {
      for (let name = next++; name < names; name = next++) {
        while (!(await this.#answers(name))) {
          if (performance.now() > deadline) throw new CannotStart(`hot name ${name} got no right answer`);
        }
      }
    };
    await Promise.all(Array.from({ length: WARM_AT_ONCE }, ask));
  }

  /** Starts another instance that takes over, and waits until the one before has ended (or, after 20 s, kills it). */
  async handOver(): Promise<Takeover> {
    const old = this.#current;
    if (old === undefined || !isRunning(old)) throw new Error("nobody is there to hand over");
    const beganMs = performance.now();
    const next = this.#spawn();
    this.#successor = next;
    const patience = new AbortController();
    const tooLong = sleep(HANDOVER_MS, undefined, { signal: patience.signal }).catch(() => {});
    await Promise.race([exited(old), exited(next), tooLong]);
    patience.abort();
    this.#successor = undefined;
    const tookMs = performance.now() - beganMs;
    if (!isRunning(next) && isRunning(old)) return { tookMs, oldExitCode: undefined };
    this.#current = next;
    if (isRunning(old)) old.kill("SIGKILL");
    if (!isRunning(next)) void this.#restart();
    return { tookMs, oldExitCode: old.exitCode ?? undefined };
  }

  /** In good order, then not. */
  async end(): Promise<void> {
    this.#ending = true;
    const current = this.#current;
    if (current !== undefined && isRunning(current)) {
      current.kill("SIGTERM");
      const patience = new AbortController();
      await Promise.race([exited(current), sleep(END_MS, undefined, { signal: patience.signal }).catch(() => {})]);
      patience.abort();
    }
    this.kill();
  }

  /** At once, with everything that it has left behind; for the way out. May be called again. */
  kill(): void {
    this.#ending = true;
    killMarked(`${MARK}=${this.#mark}`);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    const handover = this.canHandOver ? ["--handover", join(this.#folder, "handover.sock")] : [];
    const serve = [process.execPath, BIN, "serve", "--config", this.#corefile, "--quiet", ...handover];
    const [program = "", ...args] = [...withParentDeath, ...serve];
    // Detached: a Ctrl-C at the terminal is for the drill, which ends them.
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, [MARK]: this.#mark },
    });
    const keep = (chunk: unknown): void => {
      this.#log = (this.#log + String(chunk)).slice(-LOG_MAX_CHARACTERS);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", keep);
    child.once("exit", (code, how) => {
      keep(`[drill: process ${child.pid} ended: ${how ?? code}]\n`);
      if (child === this.#current && this.#successor === undefined && !this.#ending) void this.#restart();
    });
    return child;
  }

  /** At once, then later and later; at once again when one has lived for a while. */
  async #restart(): Promise<void> {
    const delayMs = this.#restartMs;
    this.#restartMs = Math.min(Math.max(delayMs * 2, RESTART_FIRST_MS), RESTART_MAX_MS);
    if (delayMs > 0) await sleep(delayMs);
    if (this.#ending) return;
    this.#restarts++;
    const child = this.#spawn();
    this.#current = child;
    setTimeout(() => {
      if (child === this.#current && isRunning(child)) this.#restartMs = 0;
    }, LIVED_MS).unref();
  }

  async #answers(question: number): Promise<boolean> {
    const id = question & 0xffff;
    const answer = await askUdp({ port: this.port, wire: queryOf(id, question), timeoutMs: 1000 }).catch(
      () => undefined,
    );
    return (
      answer !== undefined &&
      answer[0] === id >> 8 &&
      answer[1] === (id & 0xff) &&
      ((answer[3] ?? 0) & 15) === 0 &&
      isRightAnswer(answer, 0, answer.length, question)
    );
  }

  /** @throws CannotStart with what it printed */
  async #untilAnswers(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + READY_MS;
    while (performance.now() < deadline) {
      if (!isRunning(child)) break;
      if (await this.#answers(0)) return;
      await sleep(ASK_EVERY_MS);
    }
    throw new CannotStart(`nodens serve does not answer:\n${this.#log.trimEnd()}`);
  }
}

/** How long answers are fresh is the upstream's to say: its TTL. */
function goodCorefile(port: number, upstreamPort: number): string {
  return `.:${port} {
    bind 127.0.0.1
    errors
    cache 3600 {
        success 20000
        serve_stale 1h
    }
    forward . 127.0.0.1:${upstreamPort}
}
`;
}

/** What no start survives. */
export function badCorefile(port: number): string {
  return `.:${port} {\n    bind 127.0.0.1\n    no_such_directive\n}\n`;
}

function exited(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
