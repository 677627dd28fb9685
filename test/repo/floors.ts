/**
 * Floors of the house: a room imports itself and the floors below it, never up and never sideways.
 *
 * The rooms of `src/server/` are floors of their own, in the order of `SERVER_ROOMS`. The plugins share one floor, and
 * none knows another. `docs/life-of-a-query.md` says what the rooms do.
 */

/** Rooms directly under `src/`, by floor. */
export const FLOORS: readonly (readonly string[])[] = [
  ["base"],
  ["dns", "packet", "report"],
  ["linux", "kube"],
  ["resolver", "capture", "load", "server"],
  ["inject", "deploy", "lab", "top"],
  ["doctor"],
  ["cli"],
];

/** Rooms of `src/server/`, top to bottom. */
export const SERVER_ROOMS: readonly string[] = [
  "daemon",
  "keeper",
  "plumbing",
  "fastpath",
  "stream",
  "plugins",
  "chain",
  "upstream",
  "records",
  "cache",
  "corefile",
  "clients",
  "metrics",
  "web",
];

export interface Room {
  /** `dns`, `server/cache`, `server/plugins/forward`. */
  readonly name: string;
  /** Compared first: the floor of the top room. */
  readonly floor: number;
  /** Compared next: 0 for the lowest room of `server/`, and in rooms that have none. */
  readonly storey: number;
}

/** The room of a file under `src/`. @returns undefined when no floor is declared for it */
export function roomOf(path: string): Room | undefined {
  const [src, top = "", second = "", third = "", ...rest] = path.split("/");
  const floor = FLOORS.findIndex((rooms) => rooms.includes(top));
  if (src !== "src" || floor < 0) return undefined;
  if (top !== "server") return { name: top, floor, storey: 0 };
  const index = SERVER_ROOMS.indexOf(second);
  if (index < 0 || third === "") return undefined;
  const storey = SERVER_ROOMS.length - 1 - index;
  // A file of the plugins' room itself stands above none of them: it lists or serves them all.
  if (second !== "plugins" || rest.length === 0) return { name: `server/${second}`, floor, storey };
  return { name: `server/plugins/${third}`, floor, storey };
}

/** Why a file of `from` may not import one of `to`. @returns undefined when it may */
export function refusal(from: Room, to: Room): string | undefined {
  if (from.name === to.name) return undefined;
  if (to.floor > from.floor || (to.floor === from.floor && to.storey > from.storey)) return "is above";
  if (to.floor === from.floor && to.storey === from.storey) return "is beside";
  return undefined;
}
