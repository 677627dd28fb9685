/**
 * Which plugins are not ready, over all server blocks that have `ready`: each of their endpoints tells the same.
 *
 * A reload watches the new blocks before it ends watching the old ones, so the endpoint covers both for a moment.
 */
export interface Signalling {
  /** Directive. */
  readonly name: string;
  isReady(): boolean;
}

/** The plugins of one block, watched. */
export interface Watched {
  end(): void;
}

export class Readiness {
  readonly #waiting: Set<{ readonly plugins: Set<Signalling>; readonly continuously: boolean }>;
  #shuttingDown: boolean;

  constructor() {
    this.#waiting = new Set();
    this.#shuttingDown = false;
  }

  /** @param continuously else a plugin that was ready once is not asked again */
  watch(plugins: readonly Signalling[], continuously: boolean): Watched {
    const block = { plugins: new Set(plugins), continuously };
    this.#waiting.add(block);
    return { end: () => void this.#waiting.delete(block) };
  }

  /** Names, sorted, each once. */
  notReady(): string[] {
    const names = new Set<string>();
    for (const { plugins, continuously } of this.#waiting) {
      for (const plugin of plugins) {
        if (!plugin.isReady()) names.add(plugin.name);
        else if (!continuously) plugins.delete(plugin);
      }
    }
    return [...names].toSorted();
  }

  shutDown(): void {
    this.#shuttingDown = true;
  }

  get isShuttingDown(): boolean {
    return this.#shuttingDown;
  }
}

const byProcess = new WeakMap<object, Readiness>();

/** The one of this process. @param service something of which the process has one, and tests one each */
export function readinessOf(service: object): Readiness {
  const found = byProcess.get(service) ?? new Readiness();
  byProcess.set(service, found);
  return found;
}
