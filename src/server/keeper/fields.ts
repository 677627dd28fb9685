/** Fields of messages from another process, checked one by one. */
import { KeeperError } from "./keeper-error.ts";

/** @throws KeeperError */
export function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new KeeperError(`${what} is no object`);
}

/** @throws KeeperError when it is not a whole number from 0 on that fits into 31 bits */
export function integerOf(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0x7fffffff) return value;
  throw new KeeperError(`${what} is ${JSON.stringify(value)}`);
}
