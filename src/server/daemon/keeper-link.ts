/**
 * The server's side of its keeper: what is kept from the server before, and what is to be kept of this one.
 *
 * Read once, synchronously, before anything else is opened. From then on the server only tells; a keeper that is gone ends
 * this process (`dieWithParent`).
 */
import type { Log } from "../../base/log.ts";
import { describeError } from "../../base/errors.ts";
import { adoptRegion } from "../../linux/adopt-region.ts";
import { closeFd, writeFd } from "../../linux/fd.ts";
import { dieWithParent } from "../../linux/parent-death.ts";
import type { SharedRegion } from "../../linux/shared-region.ts";
import { BEATS_BYTES, BEATS_MAGIC, BEATS_VERSION, MAGIC_WORD, VERSION_WORD } from "../keeper/beats-layout.ts";
import { Channel } from "../keeper/channel.ts";
import { KeeperError } from "../keeper/keeper-error.ts";
import { type Item, keptMessageOf, type Meta, type Previous, type ToKeeper } from "../keeper/messages.ts";
import {
  ALARM_NAME,
  BEATS_NAME,
  BELL_VARIABLE,
  CHANNEL_VARIABLE,
  isHttpName,
  isSocketName,
  KEEPER_VARIABLE,
  type SocketKind,
  socketName,
} from "../keeper/names.ts";
import { planToJson, type StandbyPlan } from "../keeper/standby-plan.ts";

const RING: Uint8Array = Uint8Array.of(1);

export interface KeptItem extends Item {
  readonly fd: number;
}

export class KeeperLink {
  /** Of this server, counted by the keeper from 1 on. */
  readonly generation: number;
  readonly previous: Previous;
  /** Control words of the server (`beats-layout.ts`); undefined when the keeper is of another version. */
  readonly beats: SharedRegion | undefined;
  /** Timer that the keeper hears (`fastpath/alarm.ts`); undefined when the keeper, of another version, has none. */
  readonly alarmFd: number | undefined;
  readonly #channel: Channel;
  /** Undefined when the keeper, of another version, has none. */
  readonly #bellFd: number | undefined;
  readonly #log: Log;
  /** Came from the keeper and nobody has taken them yet. */
  readonly #waiting: Map<string, KeptItem>;
  /** What the keeper has, as far as this server is told or told it. */
  readonly #kept: Set<string>;

  private constructor(channel: Channel, bellFd: number | undefined, log: Log) {
    const { generation, previous, items } = readKept(channel);
    this.generation = generation;
    this.previous = previous;
    this.#channel = channel;
    this.#bellFd = bellFd;
    this.#log = log;
    this.#waiting = new Map(items.map((item) => [item.name, item]));
    this.#kept = new Set(this.#waiting.keys());
    this.beats = this.#takeBeats();
    this.alarmFd = this.#take(ALARM_NAME)?.fd;
  }

  /**
   * @param environment variables that speak of the keeper are taken out of it
   * @returns undefined for a server that runs alone
   * @throws KeeperError
   */
  static open(environment: NodeJS.ProcessEnv, log: Log): KeeperLink | undefined {
    const { [CHANNEL_VARIABLE]: fd, [BELL_VARIABLE]: bell, [KEEPER_VARIABLE]: keeper } = environment;
    delete environment[CHANNEL_VARIABLE];
    delete environment[BELL_VARIABLE];
    delete environment[KEEPER_VARIABLE];
    if (fd === undefined) return undefined;
    if (!dieWithParent(Number(keeper))) throw new KeeperError("the keeper is gone");
    return new KeeperLink(new Channel(Number(fd)), bell === undefined ? undefined : Number(bell), log);
  }

  /** Whether a listening socket is kept that nobody has taken. @param port as configured */
  hasSocket(kind: SocketKind, address: string, port: number): boolean {
    return this.#waiting.has(socketName(kind, address, port));
  }

  /** A kept listening socket, from now on the caller's. @param port as configured */
  takeSocket(kind: SocketKind, address: string, port: number): KeptItem | undefined {
    return this.#take(socketName(kind, address, port));
  }

  /** What was taken is of no use: it is closed, and another one may be kept by its name. */
  reject({ name, fd }: KeptItem): void {
    this.#kept.delete(name);
    closeFd(fd);
  }

  /** All that is kept under names that begin so, from now on the caller's. */
  takeAll(prefix: string): KeptItem[] {
    const names = [...this.#waiting.keys()].filter((name) => name.startsWith(prefix));
    return names.flatMap((name) => this.#take(name) ?? []);
  }

  /** @param fd stays the caller's: the keeper gets one of its own */
  keep(name: string, meta: Meta, fd: number): void {
    this.#kept.add(name);
    this.#tell({ op: "keep", name, meta }, [fd]);
  }

  drop(name: string): void {
    if (this.#kept.delete(name)) this.#tell({ op: "drop", name });
  }

  /**
   * Makes `sockets` the ones that are kept, and `plan` what the standby serves when this server is gone. Kept sockets that
   * nobody took are closed; those of HTTP may still be taken, until `letGoOfHttp`.
   */
  publish(sockets: readonly KeptItem[], plan: StandbyPlan): void {
    for (const { name, meta, fd } of sockets) if (!this.#kept.has(name)) this.keep(name, meta, fd);
    this.#tell({ op: "plan", plan: planToJson(plan) });
    const wanted = new Set(sockets.map(({ name }) => name));
    for (const name of this.#kept) {
      if (isSocketName(name) && !wanted.has(name) && !(isHttpName(name) && this.#waiting.has(name))) this.drop(name);
    }
    for (const [name, { fd }] of this.#waiting) {
      if (!isSocketName(name) || isHttpName(name)) continue;
      this.#waiting.delete(name);
      closeFd(fd);
    }
  }

  /**
   * Closes kept sockets of HTTP.
   *
   * @param isUnwanted given their names
   * @returns whether there were any
   */
  letGoOfHttp(isUnwanted: (name: string) => boolean): boolean {
    const names = [...this.#kept].filter((name) => isHttpName(name) && isUnwanted(name));
    for (const name of names) {
      const item = this.#take(name);
      if (item !== undefined) closeFd(item.fd);
      this.drop(name);
    }
    return names.length > 0;
  }

  /** This server serves: the standby may step back. */
  ready(): void {
    this.#tell({ op: "ready" });
  }

  /** What is asked of this server is answered: the node may send its queries here. */
  answers(): void {
    this.#tell({ op: "answers" });
  }

  /** @param endpoints who is to answer for the node while nobody does here: `address` or `address:port`, at most 64 */
  setFallback(endpoints: readonly string[]): void {
    this.#tell({ op: "fallback", endpoints });
  }

  #take(name: string): KeptItem | undefined {
    const item = this.#waiting.get(name);
    this.#waiting.delete(name);
    return item;
  }

  #takeBeats(): SharedRegion | undefined {
    const item = this.#take(BEATS_NAME);
    const region = item === undefined ? undefined : adoptRegion(item.fd);
    if (region === undefined || region.bytes < BEATS_BYTES) return undefined;
    const words = new Int32Array(region.buffer, 0, 2);
    return words[MAGIC_WORD] === BEATS_MAGIC && words[VERSION_WORD] === BEATS_VERSION ? region : undefined;
  }

  /** What cannot be told is lost for the next server, no more: this one serves. */
  #tell(message: Exclude<ToKeeper, { op: "plan" }> | { op: "plan"; plan: unknown }, fds: readonly number[] = []): void {
    try {
      this.#channel.send(message, fds);
      if (this.#bellFd !== undefined) writeFd(this.#bellFd, RING);
    } catch (error) {
      this.#log.error(`keeper: ${describeError(error)}`);
    }
  }
}

interface Kept {
  readonly generation: number;
  readonly previous: Previous;
  readonly items: readonly KeptItem[];
}

/** @throws KeeperError when the keeper says nothing */
function readKept(channel: Channel): Kept {
  const items: KeptItem[] = [];
  for (;;) {
    const received = channel.receive(true);
    if (received === undefined || received === "closed") throw new KeeperError("the keeper does not say what it keeps");
    const { value, fds } = received;
    const message = keptMessageOf(value);
    if (message === undefined || message.items.length !== fds.length) {
      // Of another version: its messages may mean anything, and none is left to be read.
      for (const fd of [...fds, ...items.map((item) => item.fd)]) closeFd(fd);
      return { generation: 1, previous: "none", items: [] };
    }
    for (const [i, item] of message.items.entries()) items.push({ ...item, fd: fds[i] ?? -1 });
    if (message.last) return { generation: message.generation, previous: message.previous, items };
  }
}
