/** Reads decoded JSON of which nothing is known: what has another shape than expected reads as empty. */

export type Raw = Readonly<Record<string, unknown>>;

const EMPTY: Raw = {};

export function record(value: unknown): Raw {
  return isRecord(value) ? value : EMPTY;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function isRecord(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Value at a path of keys: `["spec", "nodeName"]`. */
export function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce((within: unknown, key) => record(within)[key], value);
}
