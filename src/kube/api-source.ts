/** Kubernetes objects from the API server. */
import { logIn, type ApiAccess } from "./api-access.ts";
import { ApiClient, type RequestObserver } from "./api-client.ts";
import type { ClusterSource, Kind, ObjectOf, Selection, Watch, Watcher } from "./cluster-source.ts";
import { Feed } from "./feed.ts";
import { Interner } from "./intern.ts";
import { realPace, type Pace } from "./pace.ts";
import { DEFAULT_TIMES, Reflector, type ReflectorTimes } from "./reflector.ts";
import { NO_LIMITS, type RequestLimits } from "./request-limit.ts";

export interface ApiSourceOptions {
  /** Default: no bounds. */
  readonly limits?: RequestLimits;
  readonly observer?: RequestObserver;
  readonly pace?: Pace;
  readonly times?: Partial<ReflectorTimes>;
}

/** Whether there is a configuration that can be used; asks no server. @throws KubeConfigError */
export async function checkApiAccess(access: ApiAccess): Promise<void> {
  const login = await logIn(access);
  login.close();
}

/** Connects when the first watch begins. Watches of the same objects share one connection and one copy. */
export function apiSource(access: ApiAccess, options: ApiSourceOptions = {}): ClusterSource {
  return new ApiSource(access, options);
}

interface Shared<K extends Kind> {
  readonly feed: Feed<ObjectOf[K]>;
  readonly reflector: Reflector<K>;
  readonly running: Promise<void>;
}

class ApiSource implements ClusterSource {
  readonly #access: ApiAccess;
  readonly #client: ApiClient;
  readonly #pace: Pace;
  readonly #times: ReflectorTimes;
  readonly #interner = new Interner();
  readonly #shared: { readonly [K in Kind]: Map<string, Shared<K>> } = {
    services: new Map(),
    endpointslices: new Map(),
    pods: new Map(),
    namespaces: new Map(),
    serviceimports: new Map(),
  };

  constructor(access: ApiAccess, { limits = NO_LIMITS, observer, pace = realPace, times }: ApiSourceOptions) {
    this.#access = access;
    this.#client = new ApiClient(access, limits, pace, observer);
    this.#pace = pace;
    this.#times = { ...DEFAULT_TIMES, ...times };
  }

  get name(): string {
    const server = this.#client.server;
    if (server !== undefined) return server.origin;
    return this.#access.kind === "endpoint" ? originOf(this.#access.url) : "the API server";
  }

  watch<K extends Kind>(kind: K, selection: Selection, watcher: Watcher<ObjectOf[K]>): Watch {
    const key = JSON.stringify([selection.namespace, selection.labelSelector, selection.fieldSelector]);
    const known: Map<string, Shared<K>> = this.#shared[kind];
    const shared = known.get(key) ?? this.#begin(kind, selection, key);
    return shared.feed.join(watcher, () => {
      shared.reflector.stop();
      if (known.get(key) === shared) known.delete(key);
    });
  }

  async close(): Promise<void> {
    const running: Promise<void>[] = [];
    for (const kinds of Object.values(this.#shared)) {
      for (const shared of kinds.values()) {
        shared.reflector.stop();
        running.push(shared.running);
      }
      kinds.clear();
    }
    this.#client.close();
    await Promise.all(running);
  }

  #begin<K extends Kind>(kind: K, selection: Selection, key: string): Shared<K> {
    const feed = new Feed<ObjectOf[K]>();
    const reflector = new Reflector(this.#client, kind, selection, feed, this.#interner, this.#pace, this.#times);
    const shared: Shared<K> = { feed, reflector, running: reflector.run() };
    this.#shared[kind].set(key, shared);
    return shared;
  }
}

/** Without a user's name and password, should somebody have written them. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "the API server";
}
