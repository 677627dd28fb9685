/** What is posted to the standby thread: data only. Descriptors and mappings are the keeper's, and stay while it says so. */
import type { RegionHandle } from "../../linux/shared-region.ts";
import type { FastZone } from "../fastpath/zone-table.ts";
import type { FastpathCountersHandle } from "../metrics/fastpath-counters.ts";

/** Given to the thread when it is made. */
export interface StandbyStart {
  /** Writable, to end the wait of a thread that serves. */
  readonly eventFd: number;
  /** Word 0: 1 ends serving. */
  readonly control: SharedArrayBuffer;
  /** Where misses go. */
  readonly ring: RegionHandle;
  readonly counters: FastpathCountersHandle;
}

export interface StandbySocket {
  readonly id: number;
  readonly fd: number;
  readonly wildcard: boolean;
  readonly zones: readonly FastZone[];
}

export type ToStandby =
  /** Only to one that is parked. The answer is the sequence. */
  | {
      readonly kind: "plan";
      readonly sequence: number;
      readonly store: RegionHandle;
      readonly sockets: readonly StandbySocket[];
    }
  /** Serve until the control word says otherwise. The answer, then, is the sequence. */
  | { readonly kind: "serve"; readonly sequence: number };

export const STANDBY_STOP_WORD = 0;
