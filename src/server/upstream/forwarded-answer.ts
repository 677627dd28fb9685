/** An upstream's answer, made one that a forwarder may give. */
import type { CopyBlocks } from "../../base/copy-blocks.ts";
import { ARCOUNT_AT, FLAG_AA, FLAGS_AT, readU16, writeU16 } from "../../dns/header.ts";
import { ResponseScan, scanResponse } from "../../dns/response-scan.ts";
import { scrubAnswer } from "../../dns/scrub.ts";
import { removeOpt } from "../../dns/without-opt.ts";

/** @returns undefined when it cannot be written without its OPT */
export function copyWithoutOpt(
  message: Uint8Array,
  scan: ResponseScan,
  blocks: Pick<CopyBlocks, "copy">,
): Uint8Array | undefined {
  if (scan.optAt < 0) return blocks.copy(message, 0, scan.end);
  if (scan.optEnd === scan.end) {
    const copy = blocks.copy(message, 0, scan.optAt);
    writeU16(copy, ARCOUNT_AT, scan.additionalCount);
    return copy;
  }
  const rewritten = removeOpt(message, scan);
  return typeof rewritten === "number" ? undefined : rewritten;
}

/**
 * What a forwarder may say of another's answer: AA is for authorities (RFC 1035 §4.1.1), and records that do not belong
 * to the question are how poison travels (RFC 5452 §6).
 *
 * @param copy without OPT; changed in place when `inOrder`
 * @param inOrder all its answer records belong
 * @returns undefined when it cannot be written without those that do not
 */
export function asForwarder(copy: Uint8Array, inOrder: boolean): Uint8Array | undefined {
  let own = copy;
  if (!inOrder) {
    const scan = new ResponseScan();
    if (scanResponse(copy, 0, copy.length, scan) < 0) return undefined;
    const scrubbed = scrubAnswer(copy, scan);
    if (typeof scrubbed === "number") return undefined;
    own = scrubbed;
  }
  writeU16(own, FLAGS_AT, readU16(own, FLAGS_AT) & ~FLAG_AA);
  return own;
}
