/** What the person at the terminal looks at, and how keys change it. Pure. */
import { type Order, ORDERS } from "../server/clients/client-report.ts";

export type List = "clients" | "names";

export interface ViewState {
  readonly focus: List;
  /** The list of clients shows namespaces. */
  readonly byNamespace: boolean;
  readonly order: Readonly<Record<List, Order>>;
  readonly filter: Readonly<Record<List, string>>;
  /** A filter is being typed, and what it was before. */
  readonly editing: { readonly before: string } | undefined;
  /** The chosen line of each list, 0 the first. */
  readonly line: Readonly<Record<List, number>>;
  /** Key of the client or namespace whose names are shown; undefined: those of all. */
  readonly of: string | undefined;
  readonly paused: boolean;
  readonly intervalMs: number;
  readonly help: boolean;
}

export const INTERVALS_MS: readonly number[] = [250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

export function firstState(intervalMs: number): ViewState {
  return {
    focus: "clients",
    byNamespace: false,
    order: { clients: "rate", names: "rate" },
    filter: { clients: "", names: "" },
    editing: undefined,
    line: { clients: 0, names: 0 },
    of: undefined,
    paused: false,
    intervalMs,
    help: false,
  };
}

/** What the screen shows, as far as keys need it. */
export interface Shown {
  readonly length: Readonly<Record<List, number>>;
  /** Lines of a list that fit. */
  readonly page: number;
  /** Key of the chosen client. */
  readonly client: string | undefined;
}

/** Names do not have them, so latency is no order of theirs. */
const NAME_ORDERS: readonly Order[] = ORDERS.filter((order) => order !== "latency");
const FILTER_MAX = 100;

/** @param key a character, or the name of a key @returns undefined: the person wants to leave */
export function press(state: ViewState, key: string, shown: Shown): ViewState | undefined {
  if (key === "ctrl-c") return undefined;
  if (state.editing !== undefined) return type(state, key, state.editing.before);
  if (state.help) return key === "q" ? undefined : { ...state, help: false };
  const { focus } = state;
  switch (key) {
    case "q":
      return undefined;
    case "?":
    case "h":
      return { ...state, help: true };
    case "tab":
    case "left":
    case "right":
      return { ...state, focus: focus === "clients" ? "names" : "clients" };
    case "s":
      return sorted(state, 1);
    case "S":
      return sorted(state, -1);
    case "g":
      return { ...state, byNamespace: !state.byNamespace, of: undefined, line: { clients: 0, names: 0 } };
    case "/":
      return { ...state, editing: { before: state.filter[focus] } };
    case " ":
      return { ...state, paused: !state.paused };
    case "+":
      return { ...state, intervalMs: INTERVALS_MS.find((ms) => ms > state.intervalMs) ?? state.intervalMs };
    case "-":
      return { ...state, intervalMs: INTERVALS_MS.findLast((ms) => ms < state.intervalMs) ?? state.intervalMs };
    case "enter":
      if (focus !== "clients" || shown.client === undefined) return state;
      return { ...state, of: shown.client, line: { ...state.line, names: 0 } };
    case "escape":
      if (state.of !== undefined) return { ...state, of: undefined, line: { ...state.line, names: 0 } };
      return filtered(state, "");
    case "up":
    case "k":
      return moved(state, -1, shown);
    case "down":
    case "j":
      return moved(state, 1, shown);
    case "page-up":
      return moved(state, -shown.page, shown);
    case "page-down":
      return moved(state, shown.page, shown);
    case "home":
      return moved(state, Number.NEGATIVE_INFINITY, shown);
    case "end":
      return moved(state, Number.POSITIVE_INFINITY, shown);
    default:
      return state;
  }
}

function type(state: ViewState, key: string, before: string): ViewState {
  const text = state.filter[state.focus];
  switch (key) {
    case "enter":
      return { ...state, editing: undefined };
    case "escape":
      return { ...filtered(state, before), editing: undefined };
    case "backspace":
      return filtered(state, text.slice(0, -1));
    case "ctrl-u":
      return filtered(state, "");
    default:
      return key.length === 1 && key >= " " && text.length < FILTER_MAX ? filtered(state, text + key) : state;
  }
}

function filtered(state: ViewState, text: string): ViewState {
  const { focus } = state;
  return { ...state, filter: { ...state.filter, [focus]: text }, line: { ...state.line, [focus]: 0 } };
}

function sorted(state: ViewState, step: number): ViewState {
  const { focus } = state;
  const orders = focus === "names" ? NAME_ORDERS : ORDERS;
  const next = orders[(orders.indexOf(state.order[focus]) + step + orders.length) % orders.length] ?? "rate";
  return { ...state, order: { ...state.order, [focus]: next }, line: { ...state.line, [focus]: 0 } };
}

function moved(state: ViewState, by: number, shown: Shown): ViewState {
  const { focus } = state;
  const last = Math.max(0, shown.length[focus] - 1);
  const line = Math.min(last, Math.max(0, state.line[focus] + by));
  return { ...state, line: { ...state.line, [focus]: line } };
}
