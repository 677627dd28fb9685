/**
 * What the node agent does to its node over its life, in this order: interface and addresses; sockets are bound and answers
 * are ready (the server's business); packet rules and the lease; a check now and then. At the end the rules go, then what is in
 * flight is answered, then the interface goes.
 *
 * It belongs to the keeper, which outlives servers; where there is none, to the process that serves.
 */
import { rmSync, readFileSync, writeFileSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { failureText } from "../plumbing/failure-text.ts";
import { type Change, LEASE_REFRESH_MS, type Plumbing } from "../plumbing/plumbing.ts";
import {
  BACKENDS,
  INTERCEPTS,
  NODE_BACKEND_FLOAT,
  NODE_CAPTURING_FLOAT,
  NODE_CHECKS_FLOAT,
  NODE_ERRORS_FLOAT,
  NODE_INTERCEPT_FLOAT,
  NODE_LEASED_AT_MS_FLOAT,
  NODE_RESTORED_FLOAT,
  SETUP_ERROR_TYPES,
} from "./beats-layout.ts";
import { Fallback } from "./fallback.ts";

/** What outlives no process, and is known before the first. */
export interface NodePlan {
  readonly plumbing: Plumbing;
  readonly interfaceName: string;
  readonly syncIntervalMs: number;
  /** Rules and interface stay at the end. */
  readonly skipTeardown: boolean;
  readonly pidFile: string | undefined;
  /** `-fallback`; those that the plumbing was opened with. */
  readonly fallback: readonly string[];
  readonly fallbackFile: string | undefined;
}

export interface NodeLifeParts extends NodePlan {
  readonly log: Log;
  readonly clock: Clock;
  /** As `beats-layout.ts` says; written to until `finish` is called. */
  readonly counters: Float64Array;
}

/** Somebody may hold the lock of iptables; a container has 30 seconds to end in. */
const TEARDOWN_MS = 8000;

export class NodeLife {
  readonly #parts: NodeLifeParts;
  readonly #fallback: Fallback;
  #counters: Float64Array;
  /** One change after the other. */
  #queue: Promise<void>;
  #timers: NodeJS.Timeout[];
  #madeInterface: boolean;
  #phase: "before" | "capturing" | "released" | "left" | "over";

  constructor(parts: NodeLifeParts) {
    this.#parts = parts;
    const { plumbing, log, counters } = parts;
    this.#counters = counters;
    this.#queue = Promise.resolve();
    this.#timers = [];
    this.#madeInterface = false;
    this.#phase = "before";
    this.#fallback = new Fallback({
      listed: parts.fallback,
      file: parts.fallbackFile,
      log,
      onChange: (endpoints) => this.#useFallback(endpoints),
    });
    const { intercept, backend } = plumbing.choice;
    counters[NODE_INTERCEPT_FLOAT] = 1 + INTERCEPTS.indexOf(intercept);
    counters[NODE_BACKEND_FLOAT] = 1 + BACKENDS.indexOf(backend);
  }

  /** The interface, so that addresses can be bound. Never rejects: what failed is logged, and binding says the rest. */
  async prepare(): Promise<void> {
    const { plumbing, log } = this.#parts;
    const { intercept, backend, why } = plumbing.choice;
    log.info(`node: intercept ${intercept}, rules ${backend}: ${why}`);
    plumbing.setFallback(this.#fallback.endpoints);
    this.#fallback.begin();
    await this.#inTurn(async () => {
      const changes = await plumbing.ensureInterface();
      this.#madeInterface = changes.some(({ kind, what }) => kind === "added" && this.#isInterface(what));
      this.#report(changes);
    });
  }

  /** A server serves for the first time. */
  serves(): void {
    const { pidFile, log } = this.#parts;
    if (pidFile === undefined) return;
    try {
      writeFileSync(pidFile, `${process.pid}\n`);
    } catch (error) {
      log.warning(`cannot write the pid file ${pidFile}: ${reasonOf(error)}`);
    }
  }

  /** Answers are ready: from now on the queries of the node are to come here. A second call does nothing. Never rejects. */
  async capture(): Promise<void> {
    if (this.#phase !== "before") return;
    this.#phase = "capturing";
    const { plumbing, syncIntervalMs } = this.#parts;
    await this.#inTurn(async () => {
      if (this.#phase !== "capturing") return;
      this.#lease();
      const changes = await plumbing.ensureRules();
      this.#report(changes);
      this.#counters[NODE_CAPTURING_FLOAT] = 1;
      const failed = changes.some(({ kind }) => kind === "failed");
      const comes = plumbing.choice.intercept === "none" ? "others bring queries" : "queries of this node come";
      if (!failed) this.#parts.log.info(`node: answers are ready, and ${comes} here`);
      this.#timers.push(
        setInterval(() => this.#lease(), LEASE_REFRESH_MS),
        setInterval(() => void this.#check(), syncIntervalMs),
      );
    });
  }

  /** @param endpoints as a server has learnt them */
  tellFallback(endpoints: readonly string[]): void {
    this.#fallback.tell(endpoints);
  }

  /**
   * The rules go; what comes from now on is for others, and what is in flight can be answered.
   *
   * Never rejects; it takes at most eight seconds, whoever holds the lock of iptables.
   */
  async release(): Promise<void> {
    const { plumbing, log, skipTeardown } = this.#parts;
    const captured = this.#phase === "capturing";
    if (this.#phase === "before" || captured) this.#phase = "released";
    this.#stopTimers();
    if (!captured || skipTeardown) return;
    log.info("Tearing down");
    await this.#atMost(
      this.#inTurn(async () => {
        this.#report(await plumbing.removeRules());
        this.#counters[NODE_CAPTURING_FLOAT] = 0;
      }),
      "packet rules",
    );
  }

  /** Another instance has taken over: rules and interface are its own now. */
  leave(): void {
    if (this.#phase === "before" || this.#phase === "capturing") this.#phase = "left";
    this.#stopTimers();
  }

  /**
   * The interface goes, and with it all that is left.
   *
   * @param served false: no server ever did; an interface that was there before stays
   */
  async finish(served: boolean): Promise<void> {
    this.#counters = new Float64Array(this.#counters.length);
    await this.release();
    const { plumbing, skipTeardown } = this.#parts;
    if (this.#phase !== "left") {
      const removes = served ? !skipTeardown : this.#madeInterface;
      if (removes)
        await this.#atMost(
          this.#inTurn(async () => this.#report(await plumbing.removeInterface())),
          "interface",
        );
    }
    this.#phase = "over";
    this.#fallback.close();
    plumbing.close();
    this.#removePidFile();
  }

  async #check(): Promise<void> {
    const { plumbing } = this.#parts;
    await this.#inTurn(async () => {
      if (this.#phase !== "capturing") return;
      const changes = [...(await plumbing.ensureInterface()), ...(await plumbing.ensureRules())];
      this.#count(NODE_CHECKS_FLOAT, 1);
      this.#count(NODE_RESTORED_FLOAT, changes.filter(({ kind }) => kind === "added" || kind === "restored").length);
      this.#report(changes);
    });
  }

  #lease(): void {
    const { plumbing, clock } = this.#parts;
    plumbing.refreshLease();
    this.#counters[NODE_LEASED_AT_MS_FLOAT] = clock.monotonicMs();
  }

  #useFallback(endpoints: readonly string[]): void {
    const { plumbing, log } = this.#parts;
    log.info(`node: while nobody answers here, ${endpoints.length === 0 ? "nobody" : endpoints.join(", ")} does`);
    plumbing.setFallback(endpoints);
    void this.#inTurn(async () => {
      if (this.#phase === "capturing") this.#report(await plumbing.ensureRules());
    });
  }

  /** Waits for what is under way, then does it. Never rejects: a defect ends the process. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(work);
    return this.#queue;
  }

  /** A container has not for ever to end in. */
  async #atMost(work: Promise<void>, what: string): Promise<void> {
    const late = Symbol("late");
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<symbol>((resolve) => {
      timer = setTimeout(() => resolve(late), TEARDOWN_MS);
    });
    const first = await Promise.race([work, timeout]);
    clearTimeout(timer);
    if (first === late) {
      this.#parts.log.error(
        `${what} cannot be removed within ${TEARDOWN_MS / 1000} s: \`nodens node cleanup\` does it`,
      );
    }
  }

  #stopTimers(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** In the words that node-cache has for it. */
  #report(changes: readonly Change[]): void {
    const { log } = this.#parts;
    for (const { kind, what, failure } of changes) {
      if (failure !== undefined) {
        this.#count(NODE_ERRORS_FLOAT + SETUP_ERROR_TYPES.indexOf(failure.errorType), 1);
        log.error(failureText({ what, failure }));
      } else if (this.#isInterface(what)) {
        log.info(`${kind === "removed" ? "Removed" : "Added"} interface - ${this.#parts.interfaceName}`);
      } else if (what.startsWith("address ")) {
        log.info(`${kind === "removed" ? "Removed" : "Added"} ${what}`);
      } else {
        log.info(`${kind === "removed" ? "Removed" : "Added back"} nodelocaldns rule - ${goForm(what)}`);
      }
    }
  }

  #count(at: number, more: number): void {
    this.#counters[at] = (this.#counters[at] ?? 0) + more;
  }

  #isInterface(what: string): boolean {
    return what === `interface ${this.#parts.interfaceName}`;
  }

  #removePidFile(): void {
    const { pidFile } = this.#parts;
    if (pidFile === undefined) return;
    try {
      // Another instance may have it by now.
      if (readFileSync(pidFile, "utf8").trim() === String(process.pid)) rmSync(pidFile);
    } catch {
      // It could not be written either.
    }
  }
}

/** `raw PREROUTING -p udp …` as Go prints node-cache's rule: `{raw PREROUTING [-p udp …]}`. */
function goForm(what: string): string {
  const [, table, chain, words] = /^(raw|filter) (PREROUTING|INPUT|OUTPUT) (-.*)$/.exec(what) ?? [];
  return words === undefined ? what : `{${table} ${chain} [${words.replaceAll('"', "")}]}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split(", ", 1)[0] ?? error.message) : String(error);
}
