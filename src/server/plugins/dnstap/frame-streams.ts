/**
 * Frame Streams, as fstrm 0.6 writes them: frames with a length before each, and control frames with a length of zero.
 *
 *   writer           reader
 *   READY   ------>            which content types it has
 *           <------  ACCEPT    which of them it takes
 *   START   ------>            which one it will be; then data frames
 *   STOP    ------>
 *           <------  FINISH
 *
 *   data:     | length u32, not 0 | bytes … |
 *   control:  | 0 u32 | length u32 | type u32 | fields: | 1 u32 | length u32 | content type … | … |
 *
 * All numbers are big-endian.
 */

export const CONTROL_ACCEPT = 1;
export const CONTROL_START = 2;
export const CONTROL_STOP = 3;
export const CONTROL_READY = 4;
export const CONTROL_FINISH = 5;
const FIELD_CONTENT_TYPE = 1;
/** Longest control frame that is read (fstrm: FSTRM_CONTROL_FRAME_LENGTH_MAX). */
const CONTROL_MAX_BYTES = 512;

export interface ControlFrame {
  readonly type: number;
  readonly contentTypes: readonly string[];
}

/** The bytes of a control frame, escape and length included. */
export function controlFrame(type: number, contentType?: string): Uint8Array {
  const name = contentType === undefined ? undefined : Buffer.from(contentType, "latin1");
  const length = 4 + (name === undefined ? 0 : 8 + name.length);
  const frame = Buffer.alloc(8 + length);
  frame.writeUInt32BE(length, 4);
  frame.writeUInt32BE(type, 8);
  if (name !== undefined) {
    frame.writeUInt32BE(FIELD_CONTENT_TYPE, 12);
    frame.writeUInt32BE(name.length, 16);
    frame.set(name, 20);
  }
  return frame;
}

/** A data frame around `payload`, which is copied. */
export function dataFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + payload.length);
  new DataView(frame.buffer).setUint32(0, payload.length);
  frame.set(payload, 4);
  return frame;
}

/** What a writer reads: control frames, cut out of a stream of bytes. */
export class ControlReader {
  #pending: Buffer;

  constructor() {
    this.#pending = Buffer.alloc(0);
  }

  /** @returns the frames that are whole now, or undefined when the bytes are no control frames */
  push(chunk: Uint8Array): ControlFrame[] | undefined {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const frames: ControlFrame[] = [];
    while (this.#pending.length >= 8) {
      const length = this.#pending.readUInt32BE(4);
      if (this.#pending.readUInt32BE(0) !== 0 || length < 4 || length > CONTROL_MAX_BYTES) return undefined;
      if (this.#pending.length < 8 + length) break;
      const frame = readControl(this.#pending.subarray(8, 8 + length));
      if (frame === undefined) return undefined;
      frames.push(frame);
      this.#pending = this.#pending.subarray(8 + length);
    }
    return frames;
  }
}

function readControl(bytes: Buffer): ControlFrame | undefined {
  const contentTypes: string[] = [];
  let at = 4;
  while (at < bytes.length) {
    if (bytes.length - at < 8 || bytes.readUInt32BE(at) !== FIELD_CONTENT_TYPE) return undefined;
    const length = bytes.readUInt32BE(at + 4);
    if (length > bytes.length - at - 8) return undefined;
    contentTypes.push(bytes.toString("latin1", at + 8, at + 8 + length));
    at += 8 + length;
  }
  return { type: bytes.readUInt32BE(0), contentTypes };
}
