/**
 * What the keeper and the server tell each other, each message one JSON object, and its validation.
 *
 *   server → keeper   keep   name meta + 1 descriptor   hold it, in place of what had the name
 *                     drop   name                       close it
 *                     plan   plan                       what the standby serves from now on
 *                     ready                             this server serves: the standby steps back
 *                     answers                           its upstreams answer: the node may send its queries here
 *                     fallback endpoints                who is to answer for the node while nobody does here
 *   keeper → server   kept   version generation previous items last + a descriptor each item: at the start, and only then
 *
 * The other process may be of another version, so what comes is checked field by field; fields that are not known are
 * passed over.
 */
import { endpointOf, ENDPOINTS_MAX } from "./endpoint.ts";
import { integerOf, objectOf } from "./fields.ts";
import { KeeperError } from "./keeper-error.ts";
import { type StandbyPlan, standbyPlanOf } from "./standby-plan.ts";

/** Counted up when a message changes its meaning. Of what another version kept nothing is read: the start is cold. */
export const KEEPER_VERSION = 1;

/** Facts about a descriptor for the server that gets it next. */
export type Meta = Readonly<Record<string, unknown>>;

export interface Item {
  readonly name: string;
  readonly meta: Meta;
}

export type ToKeeper =
  | { readonly op: "keep"; readonly name: string; readonly meta: Meta }
  | { readonly op: "drop"; readonly name: string }
  | { readonly op: "plan"; readonly plan: StandbyPlan }
  | { readonly op: "ready" }
  | { readonly op: "answers" }
  | { readonly op: "fallback"; readonly endpoints: readonly string[] };

/** What became of the server before: there was none, it died, it still serves (hand-over). */
export type Previous = "none" | "dead" | "alive";

export interface KeptMessage {
  readonly op: "kept";
  readonly version: number;
  /** Of the server that is being started; counts from 1. */
  readonly generation: number;
  readonly previous: Previous;
  readonly items: readonly Item[];
  /** No more of these messages come. */
  readonly last: boolean;
}

const NAME_MAX_CHARACTERS = 200;

/** @throws KeeperError */
export function toKeeperOf(value: unknown): ToKeeper {
  const message = objectOf(value, "a message");
  switch (message["op"]) {
    case "keep":
      return { op: "keep", ...itemOf(message) };
    case "drop":
      return { op: "drop", name: nameOf(message["name"]) };
    case "plan":
      return { op: "plan", plan: standbyPlanOf(message["plan"]) };
    case "ready":
      return { op: "ready" };
    case "answers":
      return { op: "answers" };
    case "fallback":
      return { op: "fallback", endpoints: endpointsOf(message["endpoints"]) };
    default:
      throw new KeeperError(`a message of an unknown kind: ${JSON.stringify(message["op"])}`);
  }
}

/**
 * @returns undefined for one of another version
 * @throws KeeperError
 */
export function keptMessageOf(value: unknown): KeptMessage | undefined {
  const message = objectOf(value, "a message");
  if (message["op"] !== "kept") throw new KeeperError("the first message does not say what is kept");
  if (message["version"] !== KEEPER_VERSION) return undefined;
  const { generation, previous, items, last } = message;
  if (previous !== "none" && previous !== "dead" && previous !== "alive") {
    throw new KeeperError(`previous is ${JSON.stringify(previous)}`);
  }
  if (!Array.isArray(items)) throw new KeeperError("the items are no list");
  return {
    op: "kept",
    version: KEEPER_VERSION,
    generation: integerOf(generation, "generation"),
    previous,
    items: items.map((item: unknown) => itemOf(objectOf(item, "an item"))),
    last: last === true,
  };
}

function endpointsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > ENDPOINTS_MAX) throw new KeeperError("the endpoints are no list");
  return value.map((each: unknown) => {
    const endpoint = typeof each === "string" ? endpointOf(each) : undefined;
    if (endpoint === undefined) throw new KeeperError(`not an endpoint: ${JSON.stringify(each)?.slice(0, 100)}`);
    return endpoint;
  });
}

function itemOf(value: Readonly<Record<string, unknown>>): Item {
  return { name: nameOf(value["name"]), meta: objectOf(value["meta"], "meta") };
}

function nameOf(value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= NAME_MAX_CHARACTERS) return value;
  throw new KeeperError(`not a name of a descriptor: ${JSON.stringify(value)?.slice(0, NAME_MAX_CHARACTERS)}`);
}
