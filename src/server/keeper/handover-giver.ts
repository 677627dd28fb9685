/**
 * The side of a hand-over that gives: lets another keeper of this user, or root's, have copies of the kept descriptors, and
 * goes when that says that its server serves. Until then nothing changes here, whatever becomes of the other. At the very end
 * the other gets what nobody here could answer.
 */
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { closeFd } from "../../linux/fd.ts";
import { LoopWatch } from "../../linux/loop-watch.ts";
import { acceptUnix } from "../../linux/unix-socket.ts";
import { Channel } from "./channel.ts";
import { objectOf } from "./fields.ts";
import { HANDOVER_PATIENCE_MS, isTrusted } from "./handover-peer.ts";
import type { Inheritance } from "./handover-taker.ts";
import { KeeperError } from "./keeper-error.ts";
import { keptMessages } from "./kept-messages.ts";
import { KEEPER_VERSION } from "./messages.ts";
import { isHandedOver } from "./names.ts";

/** A message that does not fit at once is for somebody who does not read: this keeper has a server to watch. */
const SEND_MS = 100;
/** From what was given to the other's `ready`: the time that a server has for its start, and some. */
const START_MS = 75_000;

export interface HandoverGiverParts {
  /** Listens; stays the caller's. */
  readonly socketFd: number;
  readonly log: Log;
  /** What is there now; descriptors stay its owner's. */
  readonly kept: () => Inheritance;
  /** The other serves: called once. */
  readonly onHandedOver: (leave: LeaveToSuccessor) => void;
  /** How long another may take to say what it wants, default 10 s. */
  readonly patienceMs?: number;
}

/**
 * Gives the other a relay ring (`fastpath/relay-ring.ts`) of queries that nobody here answers any more.
 *
 * @param ringFd stays the caller's, who writes to it no more
 * @returns false when the other cannot be told
 */
export type LeaveToSuccessor = (ringFd: number) => boolean;

/** Who wants to take over. */
interface Successor {
  readonly channel: Channel;
  readonly pid: number;
  patience: NodeJS.Timeout;
  state: "asking" | "preparing" | "serving";
}

export class HandoverGiver {
  readonly #parts: HandoverGiverParts;
  readonly #watch: LoopWatch;
  /** One at a time: others are turned away. */
  #successor: Successor | undefined;

  /** Begins to accept. */
  constructor(parts: HandoverGiverParts) {
    this.#parts = parts;
    this.#watch = new LoopWatch();
    this.#successor = undefined;
    this.#watch.add(parts.socketFd, () => this.#accept());
  }

  close(): void {
    this.#giveUp(undefined);
    this.#watch.remove(this.#parts.socketFd);
    this.#watch.close();
  }

  #accept(): void {
    try {
      const fd = acceptUnix(this.#parts.socketFd);
      if (fd !== undefined) this.#meet(fd);
    } catch (error) {
      this.#parts.log.error(`keeper: hand-over: ${describeError(error)}`);
    }
  }

  #meet(fd: number): void {
    const { log, patienceMs = HANDOVER_PATIENCE_MS } = this.#parts;
    if (this.#successor !== undefined) {
      log.warning(`keeper: process ${this.#successor.pid} is taking over already: another is turned away`);
      closeFd(fd);
      return;
    }
    const channel = new Channel(fd, SEND_MS);
    const peer = channel.peer();
    if (peer === undefined || !isTrusted(peer)) {
      log.warning(`keeper: process ${peer?.pid} of another user (uid ${peer?.uid}) may not take over`);
      channel.close();
      return;
    }
    const patience = setTimeout(() => this.#giveUp("does not say what it wants"), patienceMs).unref();
    this.#successor = { channel, pid: peer.pid, patience, state: "asking" };
    this.#watch.add(channel.fd, () => this.#read());
  }

  #read(): void {
    const successor = this.#successor;
    if (successor === undefined) return;
    try {
      const received = successor.channel.receive(false);
      if (received === undefined) return;
      if (received === "closed") {
        this.#giveUp(successor.state === "serving" ? undefined : "has gone");
        return;
      }
      for (const fd of received.fds) closeFd(fd);
      this.#take(successor, objectOf(received.value, "a message"));
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      this.#giveUp(`fails: ${describeError(error)}`);
    }
  }

  /** @throws KeeperError */
  #take(successor: Successor, { op, version }: Readonly<Record<string, unknown>>): void {
    if (op === "take" && successor.state === "asking") {
      this.#give(successor, version);
    } else if (op === "ready" && successor.state === "preparing") {
      this.#parts.log.info(
        `keeper: process ${successor.pid} serves now; what is in flight here is answered, then this is the end`,
      );
      successor.state = "serving";
      clearTimeout(successor.patience);
      this.#parts.onHandedOver((ringFd) => this.#leave(successor, ringFd));
    } else {
      throw new KeeperError(`a message out of turn: ${JSON.stringify(op)?.slice(0, 100)}`);
    }
  }

  /** @throws KeeperError when the other does not read */
  #give(successor: Successor, version: unknown): void {
    const { log, kept } = this.#parts;
    const { generation, items } = kept();
    // The other reads the version in what it gets, and nothing else where that is not its own.
    const given = version === KEEPER_VERSION ? items.filter(({ name }) => isHandedOver(name)) : [];
    for (const { message, fds } of keptMessages(generation, "alive", given)) successor.channel.send(message, fds);
    if (version !== KEEPER_VERSION) {
      this.#giveUp(`is of another version (${JSON.stringify(version)?.slice(0, 20)}, not ${KEEPER_VERSION})`);
      return;
    }
    successor.state = "preparing";
    clearTimeout(successor.patience);
    successor.patience = setTimeout(() => this.#giveUp("does not become ready"), START_MS).unref();
    log.info(`keeper: process ${successor.pid} prepares to take over`);
  }

  #leave(successor: Successor, ringFd: number): boolean {
    if (this.#successor !== successor) return false;
    try {
      successor.channel.send({ op: "left" }, [ringFd]);
      return true;
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      this.#parts.log.warning(`keeper: process ${successor.pid} does not take what is left: ${describeError(error)}`);
      return false;
    }
  }

  /** @param why for the log; undefined: nothing is wrong */
  #giveUp(why: string | undefined): void {
    const successor = this.#successor;
    if (successor === undefined) return;
    this.#successor = undefined;
    clearTimeout(successor.patience);
    this.#watch.remove(successor.channel.fd);
    successor.channel.close();
    if (why !== undefined) {
      this.#parts.log.warning(`keeper: process ${successor.pid}, which was to take over, ${why}; this one goes on`);
    }
  }
}
