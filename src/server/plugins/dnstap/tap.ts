/** One `dnstap` directive at work: what it says about queries, answers, and messages to upstreams. */
import { addressBytes } from "../../../base/address.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Answer } from "../../chain/answer.ts";
import { finishReply, REPLY_ROOM_BYTES } from "../../chain/finish-reply.ts";
import { EMPTY, metadataLabel, partsOf, QUERY_PLACEHOLDERS } from "../../chain/placeholders.ts";
import type { Query } from "../../chain/query.ts";
import type { TappedMessage, UpstreamTap } from "../../upstream/upstream-tap.ts";
import {
  CLIENT_QUERY,
  CLIENT_RESPONSE,
  encodeDnstap,
  type Endpoint,
  FORWARDER_QUERY,
  FORWARDER_RESPONSE,
  type TapMessage,
  type TapOrigin,
} from "./message.ts";
import type { TapSettings } from "./tap-settings.ts";

/** Upstreams whose addresses are kept as bytes. */
const UPSTREAMS_MAX = 1024;
/** Label that messages to upstreams have a value for. */
const UPSTREAM_LABEL = "forward/upstream";

/** What `extra` says. @param query undefined for messages to upstreams, which may be for several queries */
type ExtraText = (query: Query | undefined, upstream: string) => string;

export class Tap implements UpstreamTap {
  readonly #settings: TapSettings;
  readonly #origin: TapOrigin;
  readonly #extra: ExtraText;
  readonly #clock: Clock;
  readonly #write: (payload: Uint8Array) => void;
  readonly #upstreams: Map<string, Endpoint | undefined>;
  #room: Uint8Array | undefined;

  constructor(settings: TapSettings, clock: Clock, write: (payload: Uint8Array) => void) {
    this.#settings = settings;
    this.#origin = { identity: Buffer.from(settings.identity), version: Buffer.from(settings.version) };
    this.#extra = extraText(settings.extra);
    this.#clock = clock;
    this.#write = write;
    this.#upstreams = new Map();
    this.#room = undefined;
  }

  asked(query: Query): void {
    const queryMessage = this.#settings.full ? query.wire : undefined;
    this.#client(query, { type: CLIENT_QUERY, queryMessage });
  }

  answered(query: Query, answer: Answer): void {
    const responseMessage = this.#settings.full ? this.#reply(query, answer) : undefined;
    this.#client(query, { type: CLIENT_RESPONSE, responseTimeMs: this.#clock.wallMs(), responseMessage });
  }

  sent(message: TappedMessage): void {
    this.#forwarder(message, { type: FORWARDER_QUERY, queryMessage: this.#settings.full ? message.wire : undefined });
  }

  received(message: TappedMessage): void {
    this.#forwarder(message, {
      type: FORWARDER_RESPONSE,
      responseTimeMs: this.#clock.wallMs(),
      responseMessage: this.#settings.full ? message.wire : undefined,
    });
  }

  #client(query: Query, message: Omit<TapMessage, "proto" | "queryTimeMs">): void {
    const { client, server, transport } = query;
    const asked = endpoint(server.address, server.port);
    const full: TapMessage = {
      ...message,
      proto: transport,
      query: endpoint(client.address, client.port),
      // The address of a listener for all addresses says nothing.
      response: asked?.address.every((byte) => byte === 0) === true ? undefined : asked,
      queryTimeMs: this.#wallMs(query.receivedAtMs),
    };
    this.#write(encodeDnstap(this.#origin, this.#extra(query, ""), full));
  }

  #forwarder({ to, proto, sentAtMs }: TappedMessage, message: Omit<TapMessage, "proto" | "queryTimeMs">): void {
    const response = this.#upstream(to);
    const full: TapMessage = { ...message, proto, response, queryTimeMs: this.#wallMs(sentAtMs) };
    this.#write(encodeDnstap(this.#origin, this.#extra(undefined, to), full));
  }

  /** As the client will get it, unless a plugin further up changes it. */
  #reply(query: Query, answer: Answer): Uint8Array {
    this.#room ??= new Uint8Array(REPLY_ROOM_BYTES);
    return this.#room.subarray(0, finishReply(query, answer, this.#room));
  }

  #wallMs(monotonicMs: number): number {
    return this.#clock.wallMs() - (this.#clock.monotonicMs() - monotonicMs);
  }

  #upstream(to: string): Endpoint | undefined {
    if (this.#upstreams.has(to)) return this.#upstreams.get(to);
    const colon = to.lastIndexOf(":");
    const made = endpoint(to.slice(0, colon).replace(/^\[|\]$/g, ""), Number(to.slice(colon + 1)));
    if (this.#upstreams.size < UPSTREAMS_MAX) this.#upstreams.set(to, made);
    return made;
  }
}

function endpoint(text: string, port: number): Endpoint | undefined {
  const address = addressBytes(text);
  return address === undefined ? undefined : { address, port };
}

function extraText(format: string): ExtraText {
  const parts = partsOf(format).map((part): ExtraText => {
    const ofQuery = QUERY_PLACEHOLDERS.get(part);
    if (ofQuery !== undefined) return (query) => (query === undefined ? EMPTY : ofQuery(query));
    const label = metadataLabel(part);
    if (label === undefined) return () => part;
    return (query, upstream) => {
      const told = query === undefined && label === UPSTREAM_LABEL ? upstream : query?.metadata?.get(label);
      return told === undefined || told === "" ? EMPTY : told;
    };
  });
  return (query, upstream) => parts.map((part) => part(query, upstream)).join("");
}
