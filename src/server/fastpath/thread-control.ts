/**
 * Words by which the main thread and one fast-path thread steer each other, in one SharedArrayBuffer.
 *
 * Upstream sockets are named by a token: bit 30, a generation (16 bits), an index (14 bits). A thread reads a socket only while
 * the generation still stands in the table, so that a descriptor number that the kernel gave to something else meanwhile is
 * never read.
 */

/** Main writes 1: leave the loop. */
export const STOP_WORD = 0;
/** The thread adds 1 in each turn of its loop, at least every `WAIT_MS`. */
export const BEAT_WORD = 1;
/** 1: the thread wrote into the wake pipe and the main thread has not looked yet. */
export const WOKEN_WORD = 2;

const FDS_AT = 16;
export const PORT_SLOTS: number = 1 << 14;
const GENERATIONS_AT: number = FDS_AT + PORT_SLOTS;
export const CONTROL_BYTES: number = (GENERATIONS_AT + PORT_SLOTS) * 4;

/** Longest wait for packets, milliseconds: bounds how late a stop is seen. */
export const WAIT_MS = 100;

/** epoll tag of the eventfd that announces a message from the main thread. */
export const TAG_MESSAGE: number = -1;
const TAG_PORT = 1 << 30;

export function isPortTag(tag: number): boolean {
  return tag >= TAG_PORT;
}

export function portTag(index: number, generation: number): number {
  return TAG_PORT | ((generation & 0xffff) << 14) | index;
}

/** @returns the descriptor behind a tag, or -1 when its socket was given up */
export function portFd(control: Int32Array, tag: number): number {
  const index = tag & (PORT_SLOTS - 1);
  const generation = Atomics.load(control, GENERATIONS_AT + index) & 0xffff;
  if (generation !== ((tag >> 14) & 0xffff)) return -1;
  return Atomics.load(control, FDS_AT + index);
}

/** Puts a descriptor into the table. @returns its tag */
export function occupyPort(control: Int32Array, index: number, fd: number): number {
  Atomics.store(control, FDS_AT + index, fd);
  return portTag(index, Atomics.load(control, GENERATIONS_AT + index));
}

/** From now on the tag of `index` is stale. */
export function vacatePort(control: Int32Array, index: number): void {
  Atomics.add(control, GENERATIONS_AT + index, 1);
}
