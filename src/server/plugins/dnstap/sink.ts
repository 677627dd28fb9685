/**
 * A dnstap sink: somebody who reads messages, over a connection that we open and open again.
 *
 * Messages wait in a queue of bounded length and size while there is no connection, or while the sink does not read fast
 * enough; what finds the queue full is dropped and counted. Nothing here waits for the sink.
 */
import type { Socket } from "node:net";
import { CONTROL_ACCEPT, CONTROL_FINISH, CONTROL_READY, CONTROL_START, CONTROL_STOP } from "./frame-streams.ts";
import { controlFrame, ControlReader, dataFrame } from "./frame-streams.ts";

export const CONTENT_TYPE = "protobuf:dnstap.Dnstap";
/** For connecting and the handshake of Frame Streams. */
const OPEN_TIMEOUT_MS = 4000;
/** For FINISH, and for what is still to be written, at the end. */
const CLOSE_TIMEOUT_MS = 1000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 10_000;
/** Frames written at once. */
const BATCH_BYTES = 64 * 1024;

export interface SinkOptions {
  /** Opens a connection; the socket gives `readyEvent` when bytes can be written. */
  readonly dial: () => { readonly socket: Socket; readonly readyEvent: "connect" | "secureConnect" };
  /** Frames that may wait. */
  readonly queueFrames: number;
  /** Bytes that may wait. */
  readonly queueBytes: number;
  /** Bytes that the kernel has not taken yet. */
  readonly unsentBytes: number;
  readonly onSent: (frames: number) => void;
  readonly onDropped: () => void;
  /** Called when a connection cannot be had or has ended, once for each time that it worked before, and at the first. */
  readonly onTrouble: (why: string) => void;
}

export class Sink {
  readonly #options: SinkOptions;
  /** Waiting frames, from `#head` on. */
  #queue: Uint8Array[];
  #head: number;
  #queuedBytes: number;
  #socket: Socket | undefined;
  /** START has been written. */
  #open: boolean;
  #scheduled: boolean;
  #retryMs: number;
  #retry: NodeJS.Timeout | undefined;
  #told: boolean;
  #closing: boolean;
  #onFinish: (() => void) | undefined;

  constructor(options: SinkOptions) {
    this.#options = options;
    this.#queue = [];
    this.#head = 0;
    this.#queuedBytes = 0;
    this.#socket = undefined;
    this.#open = false;
    this.#scheduled = false;
    this.#retryMs = RETRY_FIRST_MS;
    this.#retry = undefined;
    this.#told = false;
    this.#closing = false;
    this.#onFinish = undefined;
  }

  /** Begins to connect. */
  start(): void {
    this.#dial();
  }

  /** @param payload one message; copied */
  write(payload: Uint8Array): void {
    const waiting = this.#queue.length - this.#head;
    const { queueFrames, queueBytes, onDropped } = this.#options;
    if (this.#closing || waiting >= queueFrames || this.#queuedBytes + payload.length > queueBytes) {
      onDropped();
      return;
    }
    const frame = dataFrame(payload);
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
    this.#schedule();
  }

  /** Writes what waits, as far as the sink takes it at once, says goodbye, and closes. Never rejects. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    const socket = this.#socket;
    if (socket === undefined) return;
    if (this.#open) {
      this.#flush();
      const finished = new Promise<void>((resolve) => {
        this.#onFinish = resolve;
      });
      socket.write(controlFrame(CONTROL_STOP));
      const timer = setTimeout(() => this.#onFinish?.(), CLOSE_TIMEOUT_MS);
      await finished;
      clearTimeout(timer);
    }
    socket.destroy();
  }

  #dial(): void {
    const { socket, readyEvent } = this.#options.dial();
    this.#socket = socket;
    let why = "the connection was closed";
    const reader = new ControlReader();
    const giveUp = (reason: string): void => {
      why = reason;
      socket.destroy();
    };
    const timer = setTimeout(() => giveUp("no answer in time"), OPEN_TIMEOUT_MS);
    socket.setNoDelay(true);
    socket.once(readyEvent, () => socket.write(controlFrame(CONTROL_READY, CONTENT_TYPE)));
    socket.on("data", (chunk: Uint8Array) => {
      for (const frame of reader.push(chunk) ?? [undefined]) {
        if (frame?.type === CONTROL_ACCEPT && !this.#open && frame.contentTypes.includes(CONTENT_TYPE)) {
          clearTimeout(timer);
          this.#begin(socket);
        } else if (frame?.type === CONTROL_FINISH) {
          this.#onFinish?.();
          socket.end();
        } else {
          giveUp("it does not read dnstap");
        }
      }
    });
    socket.on("drain", () => this.#schedule());
    socket.on("error", (error) => (why = error.message));
    socket.once("close", () => {
      clearTimeout(timer);
      this.#lost(why);
    });
  }

  #begin(socket: Socket): void {
    socket.write(controlFrame(CONTROL_START, CONTENT_TYPE));
    this.#open = true;
    this.#told = false;
    this.#retryMs = RETRY_FIRST_MS;
    this.#schedule();
  }

  #lost(why: string): void {
    this.#socket = undefined;
    this.#open = false;
    this.#onFinish?.();
    if (this.#closing) return;
    if (!this.#told) this.#options.onTrouble(why);
    this.#told = true;
    // Spread, so that many servers do not come back at once.
    this.#retry = setTimeout(() => this.#dial(), this.#retryMs * (0.75 + Math.random() / 2)).unref();
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
  }

  /** Messages of one turn of the event loop leave together. */
  #schedule(): void {
    if (!this.#open || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const socket = this.#socket;
    while (this.#open && socket !== undefined && this.#head < this.#queue.length) {
      if (socket.writableLength >= this.#options.unsentBytes) break;
      const batch: Uint8Array[] = [];
      let bytes = 0;
      while (this.#head < this.#queue.length && bytes < BATCH_BYTES) {
        const frame = this.#queue[this.#head++];
        if (frame === undefined) break;
        batch.push(frame);
        bytes += frame.length;
      }
      this.#queuedBytes -= bytes;
      socket.write(Buffer.concat(batch));
      this.#options.onSent(batch.length);
    }
    if (this.#head < this.#queue.length) {
      // Written frames are let go of before the array has grown by as many again.
      if (this.#head * 2 > this.#queue.length) this.#shift();
    } else {
      this.#queue = [];
      this.#head = 0;
    }
  }

  #shift(): void {
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }
}
