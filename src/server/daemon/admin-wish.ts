/** What a request of the admin API wants to know of clients: its query string. */
import { type Order, ORDERS, type ReportWish } from "../clients/client-report.ts";

export const LIMIT_MAX = 1000;
export const NAMES_EACH_MAX = 100;
/** Names of clients in one answer: a longer one would hold the main thread up. */
export const NAMES_IN_ALL_MAX = 5000;
const FILTER_MAX = 255;
export const INTERVAL_MIN_MS = 200;
export const INTERVAL_MAX_MS = 60_000;

export interface AdminWish extends ReportWish {
  /** Of a stream. */
  readonly intervalMs: number;
}

const DEFAULTS: AdminWish = {
  limit: 20,
  namesEach: 5,
  clientOrder: "rate",
  nameOrder: "rate",
  clientFilter: "",
  nameFilter: "",
  intervalMs: 1000,
};

type Write = (wish: { -readonly [K in keyof AdminWish]: AdminWish[K] }, value: string) => boolean;

const PARAMETERS: Readonly<Record<string, { readonly takes: string; readonly write: Write }>> = {
  limit: number("limit", 0, LIMIT_MAX),
  names_each: number("namesEach", 0, NAMES_EACH_MAX),
  interval_ms: number("intervalMs", INTERVAL_MIN_MS, INTERVAL_MAX_MS),
  client_order: order("clientOrder"),
  name_order: order("nameOrder"),
  client: filter("clientFilter"),
  name: filter("nameFilter"),
};

/** @returns what is wrong with it otherwise, in one line */
export function readWish(query: string): AdminWish | string {
  const wish = { ...DEFAULTS };
  for (const [key, value] of new URLSearchParams(query)) {
    const parameter = Object.hasOwn(PARAMETERS, key) ? PARAMETERS[key] : undefined;
    if (parameter === undefined) return `unknown parameter ${key}: there are ${Object.keys(PARAMETERS).join(", ")}`;
    if (!parameter.write(wish, value)) return `${key} must be ${parameter.takes}`;
  }
  if (wish.limit * wish.namesEach > NAMES_IN_ALL_MAX)
    return `limit times names_each must be at most ${NAMES_IN_ALL_MAX}`;
  return wish;
}

function number(field: "limit" | "namesEach" | "intervalMs", min: number, max: number) {
  const write: Write = (wish, value) => {
    if (!/^\d{1,6}$/.test(value) || Number(value) < min || Number(value) > max) return false;
    wish[field] = Number(value);
    return true;
  };
  return { takes: `a number from ${min} to ${max}`, write };
}

function order(field: "clientOrder" | "nameOrder") {
  const write: Write = (wish, value) => {
    const found = ORDERS.find((one): one is Order => one === value);
    if (found !== undefined) wish[field] = found;
    return found !== undefined;
  };
  return { takes: `one of ${ORDERS.join(", ")}`, write };
}

function filter(field: "clientFilter" | "nameFilter") {
  const write: Write = (wish, value) => {
    wish[field] = value.toLowerCase();
    return value.length <= FILTER_MAX;
  };
  return { takes: `at most ${FILTER_MAX} characters`, write };
}
