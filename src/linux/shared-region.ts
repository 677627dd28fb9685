/**
 * Memory that several threads (and, as a memfd, several processes) see.
 *
 * With FFI it is an mmapped memfd seen through plain ArrayBuffers, one a thread; else a SharedArrayBuffer. `Atomics.load`,
 * `store`, `add` work on both; `Atomics.wait` and `notify` only on the second, so nothing waits on a region.
 * The memory stays mapped until `close`; views used after that end the process.
 */
import { libc, requireLibc } from "./libc.ts";

const MFD_CLOEXEC = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

export type RegionHandle =
  | { readonly kind: "memfd"; readonly address: number; readonly bytes: number; readonly fd: number }
  | { readonly kind: "buffer"; readonly buffer: SharedArrayBuffer };

export interface SharedRegion {
  readonly buffer: ArrayBufferLike;
  readonly bytes: number;
  /** May be posted to a thread of this process, which calls `openRegion`. */
  readonly handle: RegionHandle;
  /** Only by who created it, when nobody looks at it any more. */
  close(): void;
}

/** @param name shows up in /proc/PID/maps */
export function createRegion(name: string, bytes: number): SharedRegion {
  const c = libc();
  if (c === undefined) return openRegion({ kind: "buffer", buffer: new SharedArrayBuffer(bytes) });
  const fd = c.memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return openRegion({ kind: "buffer", buffer: new SharedArrayBuffer(bytes) });
  if (c.ftruncate(fd, bytes) !== 0) throw new Error(`cannot size the shared memory ${name} to ${bytes} bytes`);
  const address = c.mmap(0, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  if (address === -1) throw new Error(`cannot map the shared memory ${name} of ${bytes} bytes`);
  return openRegion({ kind: "memfd", address, bytes, fd });
}

/** The same memory in another thread of this process. */
export function openRegion(handle: RegionHandle): SharedRegion {
  if (handle.kind === "buffer") {
    return { buffer: handle.buffer, bytes: handle.buffer.byteLength, handle, close: () => undefined };
  }
  const c = requireLibc();
  return {
    buffer: c.view(handle.address, handle.bytes),
    bytes: handle.bytes,
    handle,
    close: () => {
      c.munmap(handle.address, handle.bytes);
      c.close(handle.fd);
    },
  };
}
