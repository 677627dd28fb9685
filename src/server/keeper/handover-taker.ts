/**
 * The side of a hand-over that takes: asks the keeper that is there for what it keeps, and tells it when it may go.
 *
 * Whatever goes wrong here, this keeper starts as if nobody were there, and says so in one line.
 */
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { adoptRegion } from "../../linux/adopt-region.ts";
import { closeFd } from "../../linux/fd.ts";
import { LoopWatch } from "../../linux/loop-watch.ts";
import { connectUnix, UnixSocketError } from "../../linux/unix-socket.ts";
import { leftInRing } from "../fastpath/left-queries.ts";
import type { LeftQuery } from "../fastpath/left-query.ts";
import { Channel } from "./channel.ts";
import type { KeptDescriptor } from "./descriptor-store.ts";
import { objectOf } from "./fields.ts";
import { HANDOVER_PATIENCE_MS, isTrusted, type TakeMessage } from "./handover-peer.ts";
import { KeeperError } from "./keeper-error.ts";
import { KEEPER_VERSION, keptMessageOf } from "./messages.ts";
import { isHandedOver } from "./names.ts";

/** What another keeper has given. */
export interface Inheritance {
  /** Of the newest server there: those to come count on from it. */
  readonly generation: number;
  /** The owner of this closes their descriptors. */
  readonly items: readonly KeptDescriptor[];
}

export interface Takeover extends Inheritance {
  /** Process id of the keeper before. */
  readonly from: number;
  /**
   * A server serves here: the keeper before may end.
   *
   * @param onLeft called with queries that nobody answers there any more, at most once
   * @throws KeeperError when it is gone
   */
  done(onLeft: (left: readonly LeftQuery[]) => void): void;
}

/** Waits at most ten seconds for each step. @returns undefined when nothing is taken: the log says why, unless nobody is there */
export function takeOver(path: string, log: Log, patienceMs: number = HANDOVER_PATIENCE_MS): Takeover | undefined {
  let fd: number;
  try {
    fd = connectUnix(path, patienceMs);
  } catch (error) {
    if (!(error instanceof UnixSocketError)) throw error;
    if (error.message !== "ENOENT" && error.message !== "ECONNREFUSED") {
      log.warning(`keeper: nothing is taken over at ${path}: ${error.message}`);
    }
    return undefined;
  }
  const channel = new Channel(fd, patienceMs);
  const peer = channel.peer();
  try {
    if (peer === undefined || !isTrusted(peer))
      throw new KeeperError(`process ${peer?.pid} there is of another user (uid ${peer?.uid})`);
    const inheritance = ask(channel, peer.pid, performance.now() + patienceMs);
    log.info(`keeper: ${inheritance.items.length} descriptors taken over from process ${peer.pid} at ${path}`);
    return {
      ...inheritance,
      from: peer.pid,
      done: (onLeft) => {
        try {
          channel.send({ op: "ready" });
        } catch (error) {
          channel.close();
          throw error;
        }
        awaitLeft(channel, onLeft, log);
      },
    };
  } catch (error) {
    channel.close();
    if (!(error instanceof KeeperError)) throw error;
    log.warning(
      `keeper: nothing is taken over at ${path}: ${describeError(error)}. Addresses that it serves are in use until it has ended`,
    );
    return undefined;
  }
}

/** Until the keeper before has ended. */
function awaitLeft(channel: Channel, onLeft: (left: readonly LeftQuery[]) => void, log: Log): void {
  const watch = new LoopWatch();
  const end = (): void => {
    watch.remove(channel.fd);
    watch.close();
    channel.close();
  };
  watch.add(channel.fd, () => {
    try {
      const received = channel.receive(false);
      if (received === undefined) return;
      if (received === "closed") end();
      else onLeft(leftOf(received.value, received.fds));
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      log.warning(`keeper: what the instance before has left is lost: ${describeError(error)}`);
      end();
    }
  });
}

/** @throws KeeperError; `fds` are closed in any case */
function leftOf(value: unknown, fds: readonly number[]): LeftQuery[] {
  const [ring, ...others] = fds;
  for (const fd of others) closeFd(fd);
  const region = ring === undefined ? undefined : adoptRegion(ring);
  if (region === undefined) {
    if (ring !== undefined) closeFd(ring);
    throw new KeeperError("a message without its memory");
  }
  try {
    const { op } = objectOf(value, "a message");
    if (op !== "left") throw new KeeperError(`a message out of turn: ${JSON.stringify(op)?.slice(0, 100)}`);
    return leftInRing(region.buffer);
  } finally {
    region.close();
  }
}

/** @throws KeeperError; what came is then closed */
function ask(channel: Channel, pid: number, deadlineMs: number): Inheritance {
  const take: TakeMessage = { op: "take", version: KEEPER_VERSION };
  const items: KeptDescriptor[] = [];
  try {
    channel.send(take);
    for (;;) {
      const received = performance.now() > deadlineMs ? undefined : channel.receive(true);
      if (received === undefined) throw new KeeperError(`process ${pid} there does not answer`);
      if (received === "closed") throw new KeeperError(`process ${pid} there has refused`);
      const generation = takeItems(received.value, received.fds, items, pid);
      if (generation !== undefined) return { generation, items };
    }
  } catch (error) {
    for (const { fd } of items) closeFd(fd);
    throw error;
  }
}

/**
 * Adds what a message brings; what nobody here needs is closed.
 *
 * @returns the generation, with the last message
 * @throws KeeperError; the message's descriptors are then closed
 */
function takeItems(value: unknown, fds: readonly number[], items: KeptDescriptor[], pid: number): number | undefined {
  let used: readonly number[] = [];
  try {
    const message = keptMessageOf(value);
    if (message === undefined) throw new KeeperError(`process ${pid} there is of another version`);
    if (message.items.length !== fds.length) throw new KeeperError("items and descriptors do not match");
    const wanted = message.items.flatMap((item, i): KeptDescriptor[] =>
      isHandedOver(item.name) ? [{ ...item, fd: fds[i] ?? -1 }] : [],
    );
    items.push(...wanted);
    used = wanted.map(({ fd }) => fd);
    return message.last ? message.generation : undefined;
  } finally {
    for (const fd of fds) if (!used.includes(fd)) closeFd(fd);
  }
}
