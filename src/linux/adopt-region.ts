import { fstatSync } from "node:fs";
import { requireLibc } from "./libc.ts";
import { openRegion, type SharedRegion } from "./shared-region.ts";

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

/**
 * The memory behind a memfd that came from another process. `close` unmaps it and closes the descriptor.
 *
 * @returns undefined when nothing can be mapped there: no memory, or none of it; `fd` is then still open
 */
export function adoptRegion(fd: number): SharedRegion | undefined {
  const bytes = fstatSync(fd).size;
  const address = bytes === 0 ? -1 : requireLibc().mmap(0, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  return address === -1 ? undefined : openRegion({ kind: "memfd", address, bytes, fd });
}
