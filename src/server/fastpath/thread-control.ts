/**
 * Words by which the main thread and one fast-path thread steer each other, in shared memory. Under a keeper that sees
 * them too, and ends a server whose threads do not beat (`keeper/heartbeat.ts`).
 */

/** Main writes 1: leave the loop. */
export const STOP_WORD = 0;
/** The thread writes in each turn of its loop when that was (`beatAt` of alarm.ts), at least every `WAIT_MS`. */
export const BEAT_WORD = 1;
/** 1: the thread signalled its wake eventfd and the main thread has not looked yet. */
export const WOKEN_WORD = 2;

/** Main writes 1 with each message, the thread 0 when it takes them: one that waits in a socket does not see the eventfd. */
export const MESSAGE_WORD = 3;

/** Main writes 1: it reads the client sockets itself. The thread writes 0 when what waits there is not read, and reads again. */
export const PARKED_WORD = 4;
/** While a thread is parked, main adds 1 with each receive. */
export const RECEIVES_WORD = 5;

export const CONTROL_BYTES = 64;

/** Longest wait for packets, milliseconds: bounds how late a stop is seen. */
export const WAIT_MS = 100;

/** When the main thread, which reads, has received nothing for so long, parked threads look whether something waits, milliseconds. */
export const PARKED_LOOK_MS = 4;

/** epoll tag of the eventfd that announces a message from the main thread. */
export const TAG_MESSAGE: number = -1;
/** epoll tag of the timerfd that the main thread puts off while it reads. */
export const TAG_PARKED_ALARM: number = -2;
