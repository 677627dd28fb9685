/** Times in zone files: seconds, or numbers with units as BIND writes them (`1h30m`). */
import { RecordTextError } from "./text-words.ts";

const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

export function isTtlText(text: string): boolean {
  return /^\d{1,10}$|^(?:\d{1,10}[smhdw])+$/i.test(text);
}

/** @returns seconds, 0 to 2^32 - 1 @throws {RecordTextError} */
export function ttlFromText(text: string): number {
  if (!isTtlText(text)) throw new RecordTextError(`${JSON.stringify(text)} is no time`);
  let seconds = 0;
  for (const [, digits = "", unit = ""] of text.toLowerCase().matchAll(/(\d+)([smhdw]?)/g)) {
    seconds += Number(digits) * (UNIT_S[unit] ?? 1);
  }
  if (seconds > 0xffffffff) throw new RecordTextError(`${text} is more than 32 bits of seconds`);
  return seconds;
}
