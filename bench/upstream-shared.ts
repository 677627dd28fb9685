/** Words that the threads of the bench's upstream share. */

/** Not 0: the worker ends its loop. */
export const STOP_AT = 0;
/** Queries received by UDP, by TCP; they wrap. */
export const UDP_QUERIES_AT = 1;
export const TCP_QUERIES_AT = 2;
export const SHARED_WORDS = 3;

export interface UpstreamWorkerData {
  /** Of a bound UDP socket. */
  readonly fd: number;
  readonly shared: Int32Array;
}

export function parseUpstreamWorkerData(data: unknown): UpstreamWorkerData {
  if (typeof data === "object" && data !== null && "fd" in data && "shared" in data) {
    const { fd, shared } = data;
    if (typeof fd === "number" && shared instanceof Int32Array) return { fd, shared };
  }
  throw new Error("upstream worker started without its data");
}
