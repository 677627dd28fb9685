/**
 * Keeps a feed as the API server has it: lists, then watches from there, for ever.
 *
 * A watch that ends is begun again where it stopped (bookmarks keep that place fresh). One that cannot be is preceded by a
 * list, whose differences to what is known are told. Nothing ends the loop but `stop`.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import type { IncomingMessage } from "node:http";
import { describeError } from "../base/errors.ts";
import { refusalOf, type ApiClient } from "./api-client.ts";
import type { Kind, ObjectOf, Selection } from "./cluster-source.ts";
import type { Feed } from "./feed.ts";
import type { Interner } from "./intern.ts";
import { LineReader, ListReader } from "./json-stream.ts";
import { ApiError, type ApiFailure } from "./kube-errors.ts";
import { Backoff, jittered, type Pace } from "./pace.ts";
import { at, record, text, type Raw } from "./raw.ts";
import { RESOURCES, resourcePath, type Resource } from "./resources.ts";

export interface ReflectorTimes {
  /** Retries begin with `firstRetryMs` and double up to `longestRetryMs`. */
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  /** Between tries of what is not permitted or not there. */
  readonly deniedRetryMs: number;
  /** The server is asked to end a watch after half of this to all of it. */
  readonly watchMs: number;
  /** A watch that says nothing for so long is taken for dead. Bookmarks come about every minute. */
  readonly silenceMs: number;
  /** A list that says nothing for so long is given up. */
  readonly listSilenceMs: number;
  /** All is listed again after so long, give or take a quarter: what a watch may have lost comes back. */
  readonly resyncMs: number;
}

export const DEFAULT_TIMES: ReflectorTimes = {
  firstRetryMs: 200,
  longestRetryMs: 5000,
  deniedRetryMs: 60_000,
  watchMs: 600_000,
  silenceMs: 180_000,
  listSilenceMs: 30_000,
  resyncMs: 12 * 3_600_000,
};

/** Objects asked for at once. */
const PAGE = 500;
/** A continue token may go out of date in the middle; after so many times all is asked for at once. */
const PAGED_TRIES = 2;
/** A watch that ended sooner, having told nothing, is tried again with a delay. */
const SHORT_WATCH_MS = 1000;
/** Nothing to speak of, when what follows works. */
const FIRST_FAILURE_QUIET = new Set<ApiFailure | undefined>(["broken", "gone", "unauthorized"]);

export class Reflector<K extends Kind> {
  readonly #client: ApiClient;
  readonly #resource: Resource<K>;
  readonly #selection: Selection;
  readonly #feed: Feed<ObjectOf[K]>;
  readonly #interner: Interner;
  readonly #pace: Pace;
  readonly #times: ReflectorTimes;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  /** Where the watch goes on; undefined when all is to be listed. */
  #version: string | undefined;
  /** One after another since something worked. */
  #failures = 0;
  #lastFailure: ApiFailure | undefined;
  #expiredPages = 0;
  #resyncAtMs = 0;

  constructor(
    client: ApiClient,
    kind: K,
    selection: Selection,
    feed: Feed<ObjectOf[K]>,
    interner: Interner,
    pace: Pace,
    times: ReflectorTimes,
  ) {
    this.#client = client;
    this.#resource = RESOURCES[kind];
    this.#selection = selection;
    this.#feed = feed;
    this.#interner = interner;
    this.#pace = pace;
    this.#times = times;
    this.#backoff = new Backoff(pace, times.firstRetryMs, times.longestRetryMs);
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        if (this.#version === undefined || this.#pace.clock.monotonicMs() >= this.#resyncAtMs) await this.#list();
        await this.#watch();
      } catch (error) {
        if (!signal.aborted) await this.#recover(error);
      }
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #list(): Promise<void> {
    this.#feed.beginWhole();
    let next = "";
    let version: string;
    do {
      const reader = new ListReader((raw) => this.#put(raw));
      const response = await this.#get("list", {
        ...(this.#expiredPages < PAGED_TRIES ? { limit: String(PAGE) } : {}),
        ...(next === "" ? {} : { continue: next }),
      }).catch((error: unknown) => {
        if (next !== "" && error instanceof ApiError && error.failure === "gone") this.#expiredPages++;
        throw error;
      });
      await this.#read(response, this.#times.listSilenceMs, (chunk) => reader.push(chunk));
      ({ resourceVersion: version, continue: next } = reader.end());
    } while (next !== "");
    this.#feed.endWhole();
    this.#version = version;
    this.#expiredPages = 0;
    const { resyncMs } = this.#times;
    this.#resyncAtMs = this.#pace.clock.monotonicMs() + resyncMs * (0.75 + this.#pace.random() / 2);
    this.#feed.stale(undefined);
  }

  /** Returns when the server ended the watch in good order. */
  async #watch(): Promise<void> {
    const seconds = Math.ceil(jittered(this.#pace, this.#times.watchMs) / 1000);
    const startedAtMs = this.#pace.clock.monotonicMs();
    const response = await this.#get("watch", {
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: this.#version ?? "",
      timeoutSeconds: String(seconds),
    });
    this.#feed.stale(undefined);
    let events = 0;
    const reader = new LineReader((raw) => {
      this.#event(raw);
      events++;
      this.#worked();
    });
    // The server should end it; if it does not, we do.
    const overdue = setTimeout(() => response.destroy(), (seconds + 30) * 1000);
    try {
      await this.#read(response, this.#times.silenceMs, (chunk) => reader.push(chunk));
    } finally {
      clearTimeout(overdue);
    }
    if (reader.pending) throw new ApiError("broken", "the watch ended in the middle of an event");
    if (events === 0 && this.#pace.clock.monotonicMs() - startedAtMs < SHORT_WATCH_MS) {
      throw new ApiError("broken", "the watch ended at once");
    }
    this.#worked();
  }

  #event(raw: Raw): void {
    const object = record(raw["object"]);
    switch (raw["type"]) {
      case "ADDED":
      case "MODIFIED":
        this.#put(object);
        break;
      case "DELETED": {
        const metadata = record(object["metadata"]);
        this.#feed.remove(text(metadata["namespace"]), text(metadata["name"]));
        break;
      }
      case "BOOKMARK":
        break;
      case "ERROR": {
        const code = object["code"];
        const body = JSON.stringify(object);
        throw refusalOf(typeof code === "number" ? code : 0, undefined, body, "watch", this.#resource.plural);
      }
      default:
        return;
    }
    const version = text(at(object, ["metadata", "resourceVersion"]));
    if (version !== "") this.#version = version;
  }

  #put(raw: Raw): void {
    const object = this.#resource.trim(raw, this.#interner);
    if (object !== undefined) this.#feed.put(object);
  }

  #worked(): void {
    this.#failures = 0;
    this.#lastFailure = undefined;
    this.#backoff.reset();
  }

  #get(verb: "list" | "watch", query: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { labelSelector, fieldSelector } = this.#selection;
    const all = new URLSearchParams({
      ...query,
      ...(labelSelector ? { labelSelector } : {}),
      ...(fieldSelector ? { fieldSelector } : {}),
    });
    const kind = this.#resource.plural;
    const path = `${resourcePath(kind, this.#selection)}?${all.toString()}`;
    return this.#client.get({ verb, kind, path, signal: this.#stopping.signal });
  }

  /** @throws ApiError `broken` when the body does not end as it should, or says nothing for too long */
  async #read(response: IncomingMessage, silenceMs: number, take: (chunk: Buffer) => void): Promise<void> {
    const silence = setTimeout(() => response.destroy(new Error(`nothing heard for ${silenceMs / 1000} s`)), silenceMs);
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        silence.refresh();
        take(chunk);
      }
    } catch (cause) {
      if (cause instanceof ApiError) throw cause;
      throw new ApiError("broken", `the connection to ${this.#client.server?.origin} broke: ${describeError(cause)}`, {
        cause,
      });
    } finally {
      clearTimeout(silence);
      response.destroy();
    }
  }

  /** Says what is wrong, does what helps, and waits as long as it is worth. */
  async #recover(error: unknown): Promise<void> {
    const { signal } = this.#stopping;
    const failure = error instanceof ApiError ? error.failure : undefined;
    const before = this.#lastFailure;
    this.#lastFailure = failure;
    this.#failures++;
    // A connection breaks, and the next finds that its place or its login is out of date: still ordinary.
    const quiet = FIRST_FAILURE_QUIET.has(failure) && before !== failure && this.#failures <= 2;
    if (!quiet) this.#feed.stale(describeError(error), failure === "forbidden");
    const delayMs = this.#backoff.nextMs();
    switch (failure) {
      case "unreachable":
        await this.#client.reachable(signal);
        break;
      case "gone":
        this.#version = undefined;
        // At once, but for a server that has forgotten what it has just told.
        if (before !== "gone") return;
        break;
      case "unauthorized":
        this.#client.renewLogin();
        break;
      case "forbidden":
      case "absent":
        return this.#pace.sleep(jittered(this.#pace, this.#times.deniedRetryMs), signal);
      case "refused": {
        const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
        if (asked !== undefined) return this.#pace.sleep(Math.max(asked + delayMs / 2, delayMs), signal);
        break;
      }
      case "broken":
      case undefined:
        break;
    }
    await this.#pace.sleep(delayMs, signal);
  }
}
