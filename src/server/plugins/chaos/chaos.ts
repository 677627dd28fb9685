/** `chaos`: what the server says of itself in class CH (RFC 4892 §3). */
import { hostname } from "node:os";
import { sameName } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { QueryView } from "../../../dns/query-view.ts";
import type { ResourceRecord } from "../../../dns/records/record.ts";
import { respond } from "../../../dns/response-builder.ts";
import { CLASS_CH, RCODE_NOERROR, TYPE_TXT } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArgs, expectNoProperties, once } from "../../corefile/arguments.ts";

/** Longest character-string, bytes (RFC 1035 §3.3). */
const TEXT_MAX_BYTES = 255;
const DEFAULT_AUTHORS: readonly string[] = ["The Nodens authors"];

type Topic = "version" | "authors" | "host";

const TOPICS: readonly (readonly [Uint8Array, Topic])[] = (
  [
    ["version.bind.", "version"],
    ["version.server.", "version"],
    ["authors.bind.", "authors"],
    ["hostname.bind.", "host"],
    ["id.server.", "host"],
  ] as const
).map(([name, topic]) => [nameFromText(name), topic]);

export const chaos: Plugin = {
  directive: "chaos",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const directive = once(directives);
    const [version, ...names] = expectArgs(directive, 0, Number.POSITIVE_INFINITY).map((word) => word.text);
    expectNoProperties(directive);
    const texts: Readonly<Record<Topic, readonly Uint8Array[]>> = {
      version: [textOf(version ?? `Nodens-${context.version}`)],
      authors: (names.length === 0 ? DEFAULT_AUTHORS : [...new Set(names)].toSorted()).map(textOf),
      host: [textOf(hostname())],
    };
    return {
      answersClass: (wire, view) => topicOf(wire, view) !== undefined,
      handler: (next) => new Chaos(next, texts),
    };
  },
};

/** As much of it as one character-string holds. */
function textOf(text: string): Uint8Array {
  return new TextEncoder().encode(text).slice(0, TEXT_MAX_BYTES);
}

function topicOf(wire: Uint8Array, view: QueryView): Topic | undefined {
  if (view.qclass !== CLASS_CH || view.qtype !== TYPE_TXT) return undefined;
  const { nameLength } = view;
  return TOPICS.find(([name]) => name.length === nameLength && sameName(wire, 12, name, 0, nameLength))?.[1];
}

class Chaos implements Handler {
  readonly #next: Handler;
  readonly #texts: Readonly<Record<Topic, readonly Uint8Array[]>>;

  constructor(next: Handler, texts: Readonly<Record<Topic, readonly Uint8Array[]>>) {
    this.#next = next;
    this.#texts = texts;
  }

  serve(query: Query): Promise<Answer> {
    const { wire, view } = query;
    const topic = topicOf(wire, view);
    if (topic === undefined) return this.#next.serve(query);
    const name = wire.slice(12, 12 + view.nameLength);
    const records = shuffled(this.#texts[topic]).map((text): ResourceRecord => ({
      name,
      type: TYPE_TXT,
      class: CLASS_CH,
      ttl: 0,
      data: { kind: "txt", strings: [text] },
    }));
    return Promise.resolve({ wire: respond(wire, view, RCODE_NOERROR, records), plugin: "chaos" });
  }
}

/** In a new order each time: no author comes first for ever. */
function shuffled(texts: readonly Uint8Array[]): readonly Uint8Array[] {
  const order = [...texts];
  for (let left = order.length; left > 1; left--) {
    const [taken] = order.splice(Math.floor(Math.random() * left), 1);
    if (taken !== undefined) order.push(taken);
  }
  return order;
}
