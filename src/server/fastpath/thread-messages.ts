/** What is posted to a fast-path thread: data only. */
import type { RegionHandle } from "../../linux/shared-region.ts";
import type { AnswerStoreHandle } from "../cache/region.ts";
import type { MetricsHandle } from "../metrics/metrics.ts";
import type { AlarmHandle } from "./alarm.ts";
import type { FastZone } from "./zone-table.ts";

/** The first message to a thread. */
export interface ThreadStart {
  /** Index of its page of counters. */
  readonly thread: number;
  readonly epollFd: number;
  /** Readable when a `ListenerSet` was posted. */
  readonly eventFd: number;
  /** eventfd that wakes the main thread. */
  readonly wakeFd: number;
  /** timerfd of all threads, which the main thread puts off while it reads in their place; never read. */
  readonly parkedAlarmFd: number;
  readonly control: ThreadControl;
  /** Tended in each turn; undefined: nobody hears it. */
  readonly alarm: AlarmHandle | undefined;
  readonly ring: RegionHandle;
  /** `ASK_REGION_BYTES`. */
  readonly asks: RegionHandle;
  /** `BATCH_BYTES`: what it has received stays there when the process dies. */
  readonly batch: RegionHandle;
  readonly store: AnswerStoreHandle;
  readonly metrics: MetricsHandle;
  readonly segmentation: boolean;
}

export type ThreadMessage = ListenerSet | WarmUpStart;

/** Control words of a thread (`thread-control.ts`): `CONTROL_BYTES` of a region. */
export interface ThreadControl {
  readonly region: RegionHandle;
  /** Offset in bytes. */
  readonly at: number;
}

/** What threads ask themselves to get warm; the answers are in the store. */
export interface WarmUpPlan {
  readonly partition: number;
  /** Name in wire form that all queries are below. */
  readonly zone: Uint8Array;
  readonly queries: readonly Uint8Array[];
}

/** To be done whenever nothing else is. */
export interface WarmUpStart {
  readonly plan: WarmUpPlan;
  /** The thread closes them. */
  readonly sockets: WarmUpSockets;
}

/** Descriptors of a thread's two ends. */
export interface WarmUpSockets {
  /** Bound. */
  readonly serverFd: number;
  /** Connected to the server. */
  readonly clientFd: number;
}

/** One listening socket and the zones that it serves. */
export interface FastListener {
  /** 0 to 4095; epoll tag and id of relayed queries. */
  readonly id: number;
  readonly fd: number;
  readonly wildcard: boolean;
  readonly zones: readonly FastZone[];
}

/** All listeners, in place of those before. The thread posts the number back when it has taken them. */
export interface ListenerSet {
  readonly sequence: number;
  readonly listeners: readonly FastListener[];
}
