/** Memory of one thread whose address the kernel is given: outside the JS heap, never moved, never collected. */
import { requireLibc } from "./libc.ts";

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;

export interface AnonymousMemory {
  readonly address: number;
  readonly buffer: ArrayBuffer;
  free(): void;
}

/** Zeroed, page-aligned; pages count only once touched. */
export function mapMemory(bytes: number): AnonymousMemory {
  const c = requireLibc();
  const address = c.mmap(0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  if (address === -1) throw new Error(`cannot map ${bytes} bytes of memory`);
  return {
    address,
    buffer: c.view(address, bytes),
    free: () => {
      c.munmap(address, bytes);
    },
  };
}

/** Writes a 64-bit pointer as two words (little-endian). @param wordAt index into `words` */
export function writePointer(words: Int32Array, wordAt: number, address: number): void {
  words[wordAt] = address | 0;
  words[wordAt + 1] = Math.floor(address / 0x1_0000_0000) | 0;
}
