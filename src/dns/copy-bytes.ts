/**
 * Copies bytes [at, end) into a plain Uint8Array of their own.
 *
 * Not `bytes.slice`: callers may hand over a Node.js `Buffer`, whose `slice` is a view of the same memory.
 */
export function copyBytes(bytes: Uint8Array, at: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(at, end));
}
