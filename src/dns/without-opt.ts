/** Responses without the upstream's OPT: it was meant for our hop (RFC 6891 §6.2.1). */
import { copyBytes } from "./copy-bytes.ts";
import { ARCOUNT_AT, readU16, writeU16 } from "./header.ts";
import { decodeMessage, encodeMessage } from "./message.ts";
import { skipName } from "./name.ts";
import { MessageError } from "./message-error.ts";
import { ERR_OPT } from "./parse-codes.ts";
import type { ResponseScan } from "./response-scan.ts";
import { isQuickToRewrite } from "./rewrite-limits.ts";

/**
 * The message without its OPT and without bytes after its last record.
 *
 * An OPT at the end, where everyone puts it, is cut off; else later names may point across it, and the message is
 * written anew. When that would take long, the additional records behind it are cut off with it: nobody needs them.
 *
 * @param bytes the message that `scan` accepted, header at 0
 * @returns a view of `bytes` when there is no OPT, else a new array; `ERR_OPT` when it cannot be written anew
 */
export function removeOpt(bytes: Uint8Array, scan: ResponseScan): Uint8Array | number {
  if (scan.optAt < 0) return bytes.subarray(0, scan.end);
  if (scan.optEnd === scan.end) {
    const cut = copyBytes(bytes, 0, scan.optAt);
    writeU16(cut, ARCOUNT_AT, readU16(cut, ARCOUNT_AT) - 1);
    return cut;
  }
  if (!isQuickToRewrite(scan)) {
    const cut = copyBytes(bytes, 0, scan.optAt);
    writeU16(cut, ARCOUNT_AT, recordsBetween(bytes, scan.authorityEnd, scan.optAt));
    return cut;
  }
  try {
    const { edns: _, ...message } = decodeMessage(bytes.subarray(0, scan.end));
    return encodeMessage({ ...message, rcode: message.rcode & 15 });
  } catch (error) {
    if (error instanceof MessageError) return ERR_OPT;
    throw error;
  }
}

/** Whole records from `at` to `end`. */
function recordsBetween(bytes: Uint8Array, at: number, end: number): number {
  let count = 0;
  for (let cursor = at; cursor >= 0 && cursor < end; count++) {
    const ownerEnd = skipName(bytes, cursor, end);
    if (ownerEnd < 0) break;
    cursor = ownerEnd + 10 + readU16(bytes, ownerEnd + 8);
  }
  return count;
}
