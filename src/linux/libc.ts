/**
 * The C library through FFI: the one place that loads koffi.
 *
 * Pointers are plain numbers (user-space addresses fit into 47 bits, exact in a double), so that no wrapper object is made for a call.
 * Every function gives back what C gives; on -1 read `lastErrno()` at once, before any other call of this module.
 * Struct layouts in this folder are those of LP64 little-endian Linux (x86-64, arm64).
 */
import { createRequire } from "node:module";
import { endianness } from "node:os";

type Koffi = typeof import("koffi");

export interface Libc {
  memfd_create(name: string, flags: number): number;
  ftruncate(fd: number, length: number): number;
  mmap(address: number, length: number, protection: number, flags: number, fd: number, offset: number): number;
  munmap(address: number, length: number): number;
  madvise(address: number, length: number, advice: number): number;
  close(fd: number): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  recvmmsg(fd: number, messages: number, count: number, flags: number, timeout: number): number;
  sendmmsg(fd: number, messages: number, count: number, flags: number): number;
  usleep(us: number): number;
  send(fd: number, bytes: number, length: number, flags: number): number;
  recv(fd: number, bytes: number, length: number, flags: number): number;
  sendto(fd: number, bytes: number, length: number, flags: number, address: number, addressLength: number): number;
  recvfrom(fd: number, bytes: number, length: number, flags: number, address: number, addressLength: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Uint8Array): number;
  epoll_wait(epoll: number, events: number, count: number, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;
  timerfd_create(clock: number, flags: number): number;
  timerfd_settime(fd: number, flags: number, specification: Uint8Array, old: number): number;
  pipe2(fds: Uint8Array, flags: number): number;
  write(fd: number, bytes: Uint8Array, length: number): number;
  read(fd: number, bytes: Uint8Array, length: number): number;
  socketpair(domain: number, type: number, protocol: number, fds: Uint8Array): number;
  sendmsg(fd: number, message: number, flags: number): number;
  recvmsg(fd: number, message: number, flags: number): number;
  listen(fd: number, backlog: number): number;
  /** The address of who connects is not asked for: both pointers are 0. */
  accept4(fd: number, address: number, length: number, flags: number): number;
  /** The third argument, where there is one, as an integer. */
  fcntl(fd: number, command: number, argument: number): number;
  /** The second argument as an integer. */
  prctl(option: number, argument: number): number;
  /** The event loop of Node.js's main thread. */
  uv_default_loop(): number;
  uv_handle_size(type: number): number;
  uv_poll_init(loop: number, handle: number, fd: number): number;
  uv_poll_start(handle: number, events: number, callback: number): number;
  uv_unref(handle: number): void;
  uv_close(handle: number, callback: number): void;
  /** The epoll that a loop waits in. */
  uv_backend_fd(loop: number): number;
  /** Milliseconds that a loop would wait: -1 for ever, 0 when something is to be done. */
  uv_backend_timeout(loop: number): number;
  /** Address of a function; 0 when there is none of that name. */
  dlsym(library: number, name: string): number;
  /** glibc only. */
  malloc_trim?(pad: number): number;
  /** errno of the call just made in this thread. */
  lastErrno(): number;
  /** Bytes at an address, not copied; the memory must outlive the view. */
  view(address: number, length: number): ArrayBuffer;
}

const PROTOTYPES = {
  memfd_create: "int memfd_create(const char *name, uint flags)",
  ftruncate: "int ftruncate(int fd, int64_t length)",
  mmap: "intptr_t mmap(intptr_t address, size_t length, int protection, int flags, int fd, int64_t offset)",
  munmap: "int munmap(intptr_t address, size_t length)",
  madvise: "int madvise(intptr_t address, size_t length, int advice)",
  close: "int close(int fd)",
  socket: "int socket(int domain, int type, int protocol)",
  bind: "int bind(int fd, const uint8_t *address, uint length)",
  connect: "int connect(int fd, const uint8_t *address, uint length)",
  getsockname: "int getsockname(int fd, uint8_t *address, uint8_t *length)",
  setsockopt: "int setsockopt(int fd, int level, int name, const uint8_t *value, uint length)",
  getsockopt: "int getsockopt(int fd, int level, int name, uint8_t *value, uint8_t *length)",
  recvmmsg: "int recvmmsg(int fd, intptr_t messages, uint count, int flags, intptr_t timeout)",
  usleep: "int usleep(uint us)",
  sendmmsg: "int sendmmsg(int fd, intptr_t messages, uint count, int flags)",
  // Their lengths are an int's here, and an int costs less to give back than what C says they give.
  send: "int send(int fd, intptr_t bytes, size_t length, int flags)",
  recv: "int recv(int fd, intptr_t bytes, size_t length, int flags)",
  sendto: "int sendto(int fd, intptr_t bytes, size_t length, int flags, intptr_t address, uint addressLength)",
  recvfrom: "int recvfrom(int fd, intptr_t bytes, size_t length, int flags, intptr_t address, intptr_t addressLength)",
  epoll_create1: "int epoll_create1(int flags)",
  epoll_ctl: "int epoll_ctl(int epoll, int operation, int fd, const uint8_t *event)",
  epoll_wait: "int epoll_wait(int epoll, intptr_t events, int count, int timeoutMs)",
  eventfd: "int eventfd(uint initial, int flags)",
  timerfd_create: "int timerfd_create(int clock, int flags)",
  timerfd_settime: "int timerfd_settime(int fd, int flags, const uint8_t *specification, intptr_t old)",
  pipe2: "int pipe2(uint8_t *fds, int flags)",
  write: "intptr_t write(int fd, const uint8_t *bytes, size_t length)",
  read: "intptr_t read(int fd, uint8_t *bytes, size_t length)",
  socketpair: "int socketpair(int domain, int type, int protocol, uint8_t *fds)",
  sendmsg: "intptr_t sendmsg(int fd, intptr_t message, int flags)",
  recvmsg: "intptr_t recvmsg(int fd, intptr_t message, int flags)",
  listen: "int listen(int fd, int backlog)",
  accept4: "int accept4(int fd, intptr_t address, intptr_t length, int flags)",
  fcntl: "int fcntl(int fd, int command, int argument)",
  prctl: "int prctl(int option, uint64_t argument)",
} as const;

/** Of libuv (http://docs.libuv.org/en/v1.x/poll.html): a part of the `node` program, which exports it for addons. */
const UV_PROTOTYPES = {
  uv_default_loop: "intptr_t uv_default_loop()",
  uv_handle_size: "size_t uv_handle_size(int type)",
  uv_poll_init: "int uv_poll_init(intptr_t loop, intptr_t handle, int fd)",
  uv_poll_start: "int uv_poll_start(intptr_t handle, int events, intptr_t callback)",
  uv_unref: "void uv_unref(intptr_t handle)",
  uv_close: "void uv_close(intptr_t handle, intptr_t callback)",
  uv_backend_fd: "int uv_backend_fd(intptr_t loop)",
  uv_backend_timeout: "int uv_backend_timeout(intptr_t loop)",
  dlsym: "intptr_t dlsym(intptr_t library, const char *name)",
} as const;

let loaded: Libc | null | undefined;

/** @returns undefined where there is no Linux, no little-endian 64-bit machine, or no koffi for it */
export function libc(): Libc | undefined {
  if (loaded === undefined) loaded = load();
  return loaded ?? undefined;
}

/** For code that is only reached when `libc()` is there. */
export function requireLibc(): Libc {
  const library = libc();
  if (library === undefined) throw new Error("libc is not available through FFI");
  return library;
}

/**
 * Functions of another shared library, by their prototypes; a C string that is returned is copied.
 *
 * @returns undefined where there is no FFI, no such library, or not all of the functions in it
 */
export function loadLibrary<Functions>(
  soname: string,
  prototypes: Readonly<Record<keyof Functions & string, string>>,
): Functions | undefined {
  const koffi = loadKoffi();
  if (koffi === undefined) return undefined;
  try {
    const library = koffi.load(soname);
    const entries = Object.entries<string>(prototypes).map(([name, prototype]) => [name, library.func(prototype)]);
    return Object.fromEntries(entries) as Functions;
  } catch {
    return undefined;
  }
}

function loadKoffi(): Koffi | undefined {
  if (process.platform !== "linux" || endianness() !== "LE") return undefined;
  if (process.arch !== "x64" && process.arch !== "arm64") return undefined;
  if (process.env["NODENS_NO_FFI"] === "1") return undefined;
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch {
    return undefined;
  }
}

function load(): Libc | null {
  const koffi = loadKoffi();
  if (koffi === undefined) return null;
  // glibc's soname, then musl's.
  for (const soname of ["libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`]) {
    try {
      const library = koffi.load(soname);
      const functions: Record<string, unknown> = {};
      for (const [name, prototype] of Object.entries(PROTOTYPES)) functions[name] = library.func(prototype);
      const program = koffi.load(null);
      for (const [name, prototype] of Object.entries(UV_PROTOTYPES)) functions[name] = program.func(prototype);
      try {
        functions["malloc_trim"] = library.func("int malloc_trim(size_t pad)");
      } catch {
        // musl has none.
      }
      return {
        ...(functions as unknown as Omit<Libc, "lastErrno" | "view">),
        lastErrno: () => koffi.errno(),
        view: (address, length) => koffi.view(address, length),
      };
    } catch {
      continue;
    }
  }
  return null;
}
