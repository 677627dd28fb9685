/** Sets of types as windows of bits (RFC 4034 §4.1.2), for NSEC, NSEC3 and CSYNC. */
import { MessageError } from "../message-error.ts";
import type { MessageWriter } from "../message-writer.ts";
import type { RdataReader } from "../rdata-reader.ts";
import { typeName, typeNumber } from "../types.ts";
import { RecordTextError, type TextWords } from "./text-words.ts";

/**
 * Reads all that is left.
 *
 * @returns types in ascending order
 * @throws {MessageError} for a map that is not in the one canonical form
 */
export function readTypeBitmap(reader: RdataReader): number[] {
  const types: number[] = [];
  let previous = -1;
  while (reader.remaining > 0) {
    const window = reader.u8();
    const map = reader.bytes(reader.u8());
    if (window <= previous || map.length < 1 || map.length > 32 || map.at(-1) === 0) {
      throw new MessageError("a type bitmap that is not canonical");
    }
    previous = window;
    for (const [index, byte] of map.entries()) {
      for (let bit = 0; bit < 8; bit++) {
        if ((byte & (0x80 >> bit)) !== 0) types.push(window * 256 + index * 8 + bit);
      }
    }
  }
  return types;
}

/** @param types in any order */
export function writeTypeBitmap(types: readonly number[], writer: MessageWriter): void {
  const windows = new Map<number, Uint8Array>();
  for (const type of types.toSorted((a, b) => a - b)) {
    const window = type >> 8;
    const map = windows.get(window) ?? new Uint8Array(32);
    windows.set(window, map);
    const at = (type & 0xff) >> 3;
    map[at] = (map[at] ?? 0) | (0x80 >> (type & 7));
  }
  for (const [window, map] of windows) {
    const length = map.findLastIndex((byte) => byte !== 0) + 1;
    writer.u8(window);
    writer.u8(length);
    writer.bytes(map.subarray(0, length));
  }
}

/** With a space before each type, so that it can end a line. */
export function typesText(types: readonly number[]): string {
  return types.map((type) => ` ${typeName(type)}`).join("");
}

/** All words left. @returns types in ascending order */
export function typesFromText(words: TextWords): number[] {
  const types: number[] = [];
  while (words.left > 0) {
    const text = words.word("type");
    types.push(typeNumber(text) ?? unknownType(text));
  }
  return [...new Set(types)].toSorted((a, b) => a - b);
}

function unknownType(text: string): never {
  throw new RecordTextError(`${JSON.stringify(text)} is no type`);
}
