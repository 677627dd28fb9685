/**
 * The life of the servers, one after the other: started with what is kept, watched, started again.
 *
 * The first server that ends before it was ever ready ends the keeper too, with its exit code: a mistake in the
 * configuration is then one line and exit 1, as without a keeper. From then on a server that ends by itself is replaced, and
 * the standby answers meanwhile. One that ends with 0 was told to.
 */
import type { Clock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { closeFd } from "../../linux/fd.ts";
import { LoopWatch } from "../../linux/loop-watch.ts";
import { createChannelPair } from "../../linux/packet-channel.ts";
import { createRegion, type SharedRegion } from "../../linux/shared-region.ts";
import {
  exitCodeOf,
  type ProcessEnd,
  type RunningProcess,
  startProcess,
  withoutRestartableSequences,
} from "../../linux/start-process.ts";
import { cpuOfThreads } from "../../linux/thread-cpu.ts";
import { createTimerFd, hearTimerFd, setTimerFd } from "../../linux/timer-fd.ts";
import type { LeftQuery } from "../fastpath/left-query.ts";
import { BackOff } from "./back-off.ts";
import {
  BEATS_BYTES,
  HANGS_FLOAT,
  LAST_GAP_MS_FLOAT,
  RESTARTS_FLOAT,
  STANDBY_HITS_FLOAT,
  STANDBY_MISSES_FLOAT,
  STANDBY_WORD,
} from "./beats-layout.ts";
import { Channel, type Received } from "./channel.ts";
import { DescriptorStore, type KeptDescriptor } from "./descriptor-store.ts";
import type { LeaveToSuccessor } from "./handover-giver.ts";
import type { Inheritance } from "./handover-taker.ts";
import { clearBeats, HangWatch, layOutBeats } from "./heartbeat.ts";
import { KeeperError } from "./keeper-error.ts";
import { keptMessages } from "./kept-messages.ts";
import { toKeeperOf } from "./messages.ts";
import {
  ALARM_NAME,
  BEATS_NAME,
  BELL_VARIABLE,
  CHANNEL_VARIABLE,
  HANDED_OVER_SIGNAL,
  KEEPER_VARIABLE,
  STANDBY_RING_NAME,
} from "./names.ts";
import { Standby } from "./standby.ts";

export interface SupervisorOptions {
  /** Program and arguments of a server. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What each server reads on standard input; undefined: what is left of ours. */
  readonly input?: string | undefined;
  readonly log: Log;
  readonly clock: Clock;
  /** Taken from another keeper, whose server still serves. */
  readonly inheritance?: Inheritance | undefined;
  /** Called once, when a server serves here for the first time. */
  readonly onFirstReady?: () => void;
  /** A server says that its upstreams answer. */
  readonly onAnswers?: () => void;
  /** A server knows who is to answer while nobody does here. */
  readonly onFallback?: (endpoints: readonly string[]) => void;
  /** A server that is not ready after so many milliseconds has lost itself, and is ended; default 60 s. */
  readonly startLimitMs?: number;
}

/** Its number in the server. */
const CHANNEL_FD = 3;
const START_MS = 60_000;
/** No client waits longer. */
const LATE_ANSWERS_MS = 5000;
/** From a hand-over to the end of the server: it waits 5 s for its TCP clients and as long for what is in flight. */
const HAND_OVER_MS = 15_000;

interface RunningServer {
  readonly child: RunningProcess;
  readonly channel: Channel;
  readonly generation: number;
  ready: boolean;
  /** Why it was killed, when it was. */
  killedFor: string | undefined;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #kept: DescriptorStore;
  readonly #standby: Standby;
  readonly #watch: LoopWatch;
  readonly #beats: SharedRegion;
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #hangs: HangWatch;
  readonly #backOff: BackOff;
  readonly #ended: PromiseWithResolvers<number>;
  /** Goes off when a server stands still. */
  readonly #alarmFd: number;
  #server: RunningServer | undefined;
  #generation: number;
  #everReady: boolean;
  #stopping: boolean;
  /** To be passed on when the server is ready for it. */
  #reload: NodeJS.Signals | undefined;
  #diedAtMs: number;
  #restart: NodeJS.Timeout | undefined;
  /** Another keeper serves, and takes what is not answered here. */
  #successor: LeaveToSuccessor | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#kept = new DescriptorStore();
    for (const { name, meta, fd } of options.inheritance?.items ?? []) this.#kept.keep(name, meta, fd);
    this.#watch = new LoopWatch();
    this.#standby = new Standby(this.#watch);
    this.#beats = createRegion("nodens-beats", BEATS_BYTES);
    this.#words = new Int32Array(this.#beats.buffer, 0, BEATS_BYTES >> 2);
    this.#floats = new Float64Array(this.#beats.buffer, 0, BEATS_BYTES >> 3);
    layOutBeats(this.#words);
    this.#alarmFd = createTimerFd();
    this.#hangs = new HangWatch({
      words: this.#words,
      clock: options.clock,
      setAlarm: (ms) => setTimerFd(this.#alarmFd, ms),
      cpu: () => cpuOfThreads(this.#server?.child.pid ?? 0),
    });
    this.#backOff = new BackOff();
    this.#ended = Promise.withResolvers();
    this.#server = undefined;
    this.#generation = options.inheritance?.generation ?? 0;
    this.#everReady = false;
    this.#stopping = false;
    this.#reload = undefined;
    this.#diedAtMs = 0;
    this.#restart = undefined;
    this.#successor = undefined;
    this.#watch.add(this.#alarmFd, () => this.#look());
  }

  /** Where the keeper counts (`beats-layout.ts`): to be read by servers, until `run` has ended. */
  get counters(): Float64Array {
    return this.#floats;
  }

  /** Starts the first server. @returns the exit code, when all is over */
  async run(): Promise<number> {
    this.#start();
    const code = await this.#ended.promise;
    this.#standby.close();
    this.#watch.close();
    closeFd(this.#alarmFd);
    this.#kept.close();
    this.#beats.close();
    return code;
  }

  /** Tells the server to end; when it has, all is over. */
  end(signal: NodeJS.Signals): void {
    this.#stopping = true;
    if (this.#server !== undefined) {
      this.#server.child.kill(signal);
      return;
    }
    clearTimeout(this.#restart);
    this.#ended.resolve(0);
  }

  /** Passes a signal to reload on. One that starts reads its configuration anyway, but may have done so already. */
  reload(signal: NodeJS.Signals): void {
    if (this.#server?.ready === true) this.#server.child.kill(signal);
    else this.#reload = signal;
  }

  /** For another keeper that takes over. */
  get kept(): Inheritance {
    return { generation: this.#generation, items: this.#kept.items };
  }

  /** Another keeper's server serves by the same sockets: this one's is to answer what it has in flight, and then all is over. */
  handOver(leave: LeaveToSuccessor): void {
    this.#successor = leave;
    this.#stopping = true;
    clearTimeout(this.#restart);
    const server = this.#server;
    if (server === undefined) {
      void this.#leaveToSuccessor(leave);
    } else if (server.ready) {
      server.child.kill(HANDED_OVER_SIGNAL);
      setTimeout(() => server.child.kill("SIGKILL"), HAND_OVER_MS).unref();
    } else {
      server.child.kill("SIGKILL");
    }
  }

  /** Queries of a keeper before this one. */
  take(left: readonly LeftQuery[]): void {
    this.#standby.take(left);
  }

  /** What neither the last server nor the standby has answered goes to the other keeper; where that is gone, it is answered here. */
  async #leaveToSuccessor(leave: LeaveToSuccessor): Promise<void> {
    const standby = this.#standby;
    standby.finish(this.#kept);
    standby.park();
    const { handle } = standby.ring;
    if (standby.hasLeft && !(handle.kind === "memfd" && leave(handle.fd))) {
      standby.finish(this.#kept);
    }
    await standby.drain(HAND_OVER_MS);
    this.#ended.resolve(0);
  }

  #start(): void {
    const { log, command, environment, input } = this.#options;
    clearBeats(this.#words);
    const [ours, theirs] = createChannelPair();
    const channel = new Channel(ours);
    const child = startProcess({
      command,
      input,
      environment: {
        ...withoutRestartableSequences(environment),
        [CHANNEL_VARIABLE]: String(CHANNEL_FD),
        [BELL_VARIABLE]: String(CHANNEL_FD + 1),
        [KEEPER_VARIABLE]: String(process.pid),
      },
      descriptors: [theirs],
      onBell: () => this.#readAll(server),
      onEnd: (end) => this.#gone(server, end),
    });
    closeFd(theirs);
    const server: RunningServer = {
      child,
      channel,
      generation: ++this.#generation,
      ready: false,
      killedFor: undefined,
    };
    this.#server = server;
    const limitMs = this.#options.startLimitMs ?? START_MS;
    setTimeout(() => this.#giveUp(server, limitMs), limitMs).unref();
    try {
      this.#sendKept(server);
    } catch (error) {
      log.error(`keeper: ${describeError(error)}`);
    }
  }

  #sendKept({ channel, generation }: RunningServer): void {
    const previous = this.#everReady ? "dead" : this.#options.inheritance === undefined ? "none" : "alive";
    for (const { message, fds } of keptMessages(generation, previous, [...this.#own(), ...this.#kept.items])) {
      channel.send(message, fds);
    }
  }

  /** What the keeper made itself: no server may take it away. */
  #own(): KeptDescriptor[] {
    const regions = [
      { name: BEATS_NAME, region: this.#beats },
      { name: STANDBY_RING_NAME, region: this.#standby.ring },
    ];
    return [
      ...regions.flatMap(({ name, region }) =>
        region.handle.kind === "memfd" ? [{ name, meta: {}, fd: region.handle.fd }] : [],
      ),
      { name: ALARM_NAME, meta: {}, fd: this.#alarmFd },
    ];
  }

  /** Takes the messages that wait. */
  #readAll(server: RunningServer): void {
    if (this.#server !== server) return;
    for (;;) {
      try {
        const received = server.channel.receive(false);
        if (received === undefined || received === "closed") return;
        this.#take(server, received);
      } catch (error) {
        if (!(error instanceof KeeperError)) throw error;
        this.#options.log.error(`keeper: a message of the server is passed over: ${describeError(error)}`);
      }
    }
  }

  /** @throws KeeperError; the descriptors of the message are then closed */
  #take(server: RunningServer, { value, fds }: Received): void {
    let used = 0;
    try {
      const message = toKeeperOf(value);
      if (message.op === "keep") {
        const [fd] = fds;
        if (fd === undefined) throw new KeeperError(`nothing to keep as ${message.name}`);
        if (this.#own().some(({ name }) => name === message.name)) {
          throw new KeeperError(`${message.name} is the keeper's own`);
        }
        this.#kept.keep(message.name, message.meta, fd);
        used = 1;
      } else if (message.op === "drop") {
        this.#kept.drop(message.name);
        this.#standby.forget(message.name);
      } else if (message.op === "plan") {
        if (!this.#standby.plan(message.plan, this.#kept))
          throw new KeeperError(`${message.plan.store} is no store to serve from`);
      } else if (message.op === "answers") {
        this.#options.onAnswers?.();
      } else if (message.op === "fallback") {
        this.#options.onFallback?.(message.endpoints);
      } else {
        this.#becomeReady(server);
      }
    } finally {
      for (const fd of fds.slice(used)) closeFd(fd);
    }
  }

  #becomeReady(server: RunningServer): void {
    if (server.ready) return;
    const { clock, log } = this.#options;
    server.ready = true;
    // The first time, too: it gives back what the keeper's own start took.
    this.#standby.park();
    if (this.#everReady) {
      const gapMs = clock.monotonicMs() - this.#diedAtMs;
      this.#floats[LAST_GAP_MS_FLOAT] = gapMs;
      Atomics.store(this.#words, STANDBY_WORD, 0);
      this.#count();
      // What the standby had received by now it may answer later.
      setTimeout(() => this.#count(), LATE_ANSWERS_MS).unref();
      const { hits, misses } = this.#standby;
      log.info(
        `keeper: a server serves again after ${Math.round(gapMs)} ms; the standby has answered ${hits} queries so far and left ${misses} to it`,
      );
    }
    const first = !this.#everReady;
    this.#everReady = true;
    if (first) this.#options.onFirstReady?.();
    if (this.#reload !== undefined) server.child.kill(this.#reload);
    this.#reload = undefined;
  }

  #gone(server: RunningServer, end: ProcessEnd): void {
    if (this.#server !== server) return;
    this.#readAll(server);
    this.#server = undefined;
    server.channel.close();
    const { log, clock } = this.#options;
    const code = exitCodeOf(end);
    if (this.#successor !== undefined) {
      if (code !== 0)
        log.info(`keeper: the server ${howOf(end)}; what it had not answered goes to the one that took over`);
      void this.#leaveToSuccessor(this.#successor);
      return;
    }
    if (this.#stopping || !this.#everReady || code === 0) {
      const why = server.killedFor ?? (end.kind === "error" ? howOf(end) : undefined);
      if (why !== undefined) log.error(`keeper: the server ${why}`);
      this.#ended.resolve(code);
      return;
    }
    const nowMs = clock.monotonicMs();
    if (server.ready) this.#diedAtMs = nowMs;
    Atomics.store(this.#words, STANDBY_WORD, 1);
    this.#standby.finish(this.#kept);
    this.#standby.serve();
    this.#floats[RESTARTS_FLOAT] = (this.#floats[RESTARTS_FLOAT] ?? 0) + 1;
    const delayMs = this.#backOff.delayMs(server.ready || end.kind === "signal", nowMs);
    const how = server.killedFor ?? howOf(end);
    log.error(
      `keeper: the server (process ${server.child.pid}) ${how}; another is started ${delayMs === 0 ? "at once" : `in ${delayMs} ms`}`,
    );
    if (delayMs === 0) this.#startAnother();
    else this.#restart = setTimeout(() => this.#startAnother(), delayMs);
  }

  /** What keeps a server from being started is no reason to end what the standby answers. */
  #startAnother(): void {
    try {
      this.#start();
    } catch (error) {
      const { log, clock } = this.#options;
      const delayMs = this.#backOff.delayMs(false, clock.monotonicMs());
      log.error(`keeper: no server can be started: ${describeError(error)}; it is tried again in ${delayMs} ms`);
      this.#restart = setTimeout(() => this.#startAnother(), delayMs);
    }
  }

  /** The alarm went off. */
  #look(): void {
    hearTimerFd(this.#alarmFd);
    const still = this.#hangs.look();
    const server = this.#server;
    if (still === undefined || server === undefined || server.killedFor !== undefined) return;
    server.killedFor = `was ended: ${still}`;
    this.#floats[HANGS_FLOAT] = (this.#floats[HANGS_FLOAT] ?? 0) + 1;
    server.child.kill("SIGKILL");
  }

  #giveUp(server: RunningServer, limitMs: number): void {
    if (this.#server !== server || server.ready || server.killedFor !== undefined) return;
    server.killedFor = `was ended: it was not ready after ${limitMs / 1000} s`;
    server.child.kill("SIGKILL");
  }

  #count(): void {
    this.#floats[STANDBY_HITS_FLOAT] = this.#standby.hits;
    this.#floats[STANDBY_MISSES_FLOAT] = this.#standby.misses;
  }
}

function howOf(end: ProcessEnd): string {
  switch (end.kind) {
    case "exit":
      return `ended with code ${end.code}`;
    case "signal":
      return `was killed by ${end.signal}`;
    case "error":
      return `cannot be started: ${end.message}`;
  }
}
