/**
 * The region `beats`: how the keeper sees that its server lives, and what the keeper tells of itself. Made by the keeper
 * once, given to every server.
 *
 *   0        64        128             512            1024
 *   | header | standby | counters f64 … | unused …    | a thread's control words: 64 bytes each, 64 of them |
 *
 * A thread's words are those of `fastpath/thread-control.ts`; the keeper reads the beat among them.
 */

export const BEATS_MAGIC = 0x544e444e; // "NDNT"
export const BEATS_VERSION = 1;

// Words.
export const MAGIC_WORD = 0;
export const VERSION_WORD = 1;
/** When the server's main loop last moved (`beatAt` of fastpath/alarm.ts), at least every `MAIN_BEAT_MS`. 0: it has not begun. */
export const MAIN_BEAT_WORD = 2;
/** Threads whose control words count. */
export const THREADS_WORD = 3;
/** 1 while the standby may receive. */
export const STANDBY_WORD = 16;

/** Doubles: index into a `Float64Array` of the region. Written by the keeper. */
export const RESTARTS_FLOAT = 16;
export const HANGS_FLOAT = 17;
/** Queries that the standby answered, and those that it left to the next server. */
export const STANDBY_HITS_FLOAT = 18;
export const STANDBY_MISSES_FLOAT = 19;
/** Milliseconds from a server's end to the next one being ready, the last time. */
export const LAST_GAP_MS_FLOAT = 20;

/**
 * Of the node agent (`node-life.ts`), written by the keeper; all are 0 without one.
 *
 * 1 + index into `INTERCEPTS` and `BACKENDS`: what was chosen.
 */
export const NODE_INTERCEPT_FLOAT = 32;
export const NODE_BACKEND_FLOAT = 33;
/** 1 while packet rules bring queries here. */
export const NODE_CAPTURING_FLOAT = 34;
/** Rules, addresses and links that were put back because somebody had taken them away. */
export const NODE_RESTORED_FLOAT = 35;
/** CLOCK_MONOTONIC, milliseconds: the last time that the lease was refreshed; 0: never. */
export const NODE_LEASED_AT_MS_FLOAT = 36;
/** Checks of rules and interface. */
export const NODE_CHECKS_FLOAT = 37;
/** Failures, by place in `SETUP_ERROR_TYPES`. */
export const NODE_ERRORS_FLOAT = 40;

export const INTERCEPTS = ["address", "rewrite", "none"] as const;
export const BACKENDS = ["nftables", "iptables", "none"] as const;
/** Values of `errortype` that the keeper counts; `configmap` is the server's. */
export const SETUP_ERROR_TYPES = ["iptables", "iptables_lock", "interface_add", "interface_check"] as const;

export const THREADS_MAX = 64;
export const THREADS_AT = 1024;
export const THREAD_BYTES = 64;
export const BEATS_BYTES: number = THREADS_AT + THREADS_MAX * THREAD_BYTES;
/** Beat of thread `i`: `THREADS_AT / 4 + i * THREAD_BYTES / 4 + THREAD_BEAT_WORD` (`BEAT_WORD` of thread-control.ts). */
export const THREAD_BEAT_WORD = 1;

/** More than half a second: the tick of the store is a beat too, and between two of them one more is enough. */
export const MAIN_BEAT_MS = 600;
