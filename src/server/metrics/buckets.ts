/** Bounds of histograms: apart from the catalogue, for the fast-path thread counts into them and needs no more of it. */
export type BucketScale = "seconds" | "slimSeconds" | "requestSeconds" | "longSeconds" | "bytes" | "batch";

/** Upper bounds, without +Inf. */
export const BUCKETS: Readonly<Record<BucketScale, readonly number[]>> = {
  /** 0.25 ms doubled fifteen times, to 8.192 s. */
  seconds: Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i),
  slimSeconds: [0.00025, 0.0025, 0.025, 0.25, 2.5],
  /** Prometheus's own default. */
  requestSeconds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  /** 1 ms doubled nineteen times, to about 9 minutes. */
  longSeconds: Array.from({ length: 20 }, (_, i) => 0.001 * 2 ** i),
  bytes: [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3],
  /** Datagrams taken by one receive call. */
  batch: [1, 2, 4, 8, 16, 32, 64],
};
