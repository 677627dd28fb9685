/** What a dead process left in a `DatagramBatch`: received, and perhaps not answered. */
import {
  BATCH_BYTES,
  BATCH_DATAGRAMS,
  BATCH_LAYOUT,
  DATAGRAM_MAX_BYTES,
  SLOT_STRIDE,
  UNKNOWN_LENGTH,
} from "./datagram-batch.ts";
import {
  CONTROL_BYTES,
  CONTROLLEN_WORD,
  FLAGS_WORD,
  HEADER_WORDS,
  LENGTH_WORD,
  MSG_TRUNC,
  NAME_BYTES,
  NAMELEN_WORD,
} from "./message-headers.ts";

/** Views of the memory, valid as long as that is mapped. */
export interface UnfinishedDatagram {
  /** `DatagramBatch.owner` when it was received. */
  readonly owner: number;
  /** Of the length that was received, or the whole room where that is not known; a reply may have been begun in its place. */
  readonly payload: Uint8Array;
  /** The whole room behind `payload`, from the same first byte on. */
  readonly room: Uint8Array;
  readonly sockaddr: Uint8Array;
  /** Packet info; undefined when the socket delivers none. */
  readonly control: Uint8Array | undefined;
}

/** @param buffer whatever stands in it, the views are within it */
export function unfinishedDatagrams(buffer: ArrayBufferLike): UnfinishedDatagram[] {
  if (buffer.byteLength < BATCH_BYTES) return [];
  const words = new Int32Array(buffer, 0, BATCH_BYTES >> 2);
  const found: UnfinishedDatagram[] = [];
  for (let i = 0; i < BATCH_DATAGRAMS; i++) {
    const header = (BATCH_LAYOUT.headers >> 2) + i * HEADER_WORDS;
    const written = words[header + LENGTH_WORD] ?? 0;
    const came = written === UNKNOWN_LENGTH && words[header + NAMELEN_WORD] !== NAME_BYTES;
    const length = came ? DATAGRAM_MAX_BYTES : written;
    if (length <= 0 || length > DATAGRAM_MAX_BYTES || ((words[header + FLAGS_WORD] ?? 0) & MSG_TRUNC) !== 0) continue;
    const controlLength = words[header + CONTROLLEN_WORD] ?? 0;
    const hasControl = controlLength > 0 && controlLength <= CONTROL_BYTES;
    found.push({
      owner: words[BATCH_LAYOUT.owner >> 2] ?? 0,
      payload: new Uint8Array(buffer, i * SLOT_STRIDE, length),
      room: new Uint8Array(buffer, i * SLOT_STRIDE, DATAGRAM_MAX_BYTES),
      sockaddr: new Uint8Array(buffer, BATCH_LAYOUT.names + i * NAME_BYTES, NAME_BYTES),
      control: hasControl
        ? new Uint8Array(buffer, BATCH_LAYOUT.controls + i * CONTROL_BYTES, controlLength)
        : undefined,
    });
  }
  return found;
}
