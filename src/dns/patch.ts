/**
 * Changing a stored response for one client, in place. No allocation, no checks: the message has passed
 * `scanResponse`, and offsets come from there.
 */
import { FLAGS_AT, HEADER_BYTES, ID_AT, readU16, readU32, writeU16, writeU32 } from "./header.ts";
import { TTL_MAX_S } from "./response-scan.ts";

export function patchId(bytes: Uint8Array, start: number, id: number): void {
  writeU16(bytes, start + ID_AT, id);
}

/** Sets the bits of `set` and clears those of `clear`; a bit in both is set. */
export function patchFlags(bytes: Uint8Array, start: number, set: number, clear: number): void {
  writeU16(bytes, start + FLAGS_AT, (readU16(bytes, start + FLAGS_AT) & ~clear) | set);
}

/** Spells the question's name as the client did. @param nameBytes length of the name, equal in both */
export function patchName(bytes: Uint8Array, start: number, from: Uint8Array, fromAt: number, nameBytes: number): void {
  const at = start + HEADER_BYTES;
  for (let i = 0; i < nameBytes; i++) bytes[at + i] = from[fromAt + i] ?? 0;
}

/**
 * Gives every record the same TTL.
 *
 * @param ats offsets of TTL fields relative to `start`, of which the first `count` are used
 * @param ttl seconds, 0 to `TTL_MAX_S`
 */
export function stampTtls(bytes: Uint8Array, start: number, ats: Uint16Array, count: number, ttl: number): void {
  for (let i = 0; i < count; i++) writeU32(bytes, start + (ats[i] ?? 0), ttl);
}

/** Takes `ageS` seconds off every TTL; none goes below `floorS`. A TTL beyond `TTL_MAX_S` counts as that. */
export function ageTtls(
  bytes: Uint8Array,
  start: number,
  ats: Uint16Array,
  count: number,
  ageS: number,
  floorS: number,
): void {
  for (let i = 0; i < count; i++) {
    const at = start + (ats[i] ?? 0);
    const ttl = readU32(bytes, at);
    const left = (ttl > TTL_MAX_S ? TTL_MAX_S : ttl) - ageS;
    writeU32(bytes, at, left < floorS ? floorS : left);
  }
}

/** Lowers every TTL above `mostS` to it. */
export function capTtls(bytes: Uint8Array, start: number, ats: Uint16Array, count: number, mostS: number): void {
  for (let i = 0; i < count; i++) {
    const at = start + (ats[i] ?? 0);
    if (readU32(bytes, at) > mostS) writeU32(bytes, at, mostS);
  }
}
