/**
 * Kubernetes objects from a folder or a file of manifests, read again when they change.
 *
 * A file that cannot be read counts as it was before; the watchers are told why in one line with file, line and column.
 */
import { describeError } from "../base/errors.ts";
import type { ClusterSource, Kind, ObjectOf, Selection, Watch, Watcher } from "./cluster-source.ts";
import { Feed } from "./feed.ts";
import { Interner } from "./intern.ts";
import { KubeConfigError } from "./kube-errors.ts";
import { ManifestError } from "./manifest-error.ts";
import type { Manifest } from "./manifest-file.ts";
import { findFiles, FolderWatch, readBounded } from "./manifest-folder.ts";
import { worldOf, type World } from "./manifest-world.ts";
import { at, text, type Raw } from "./raw.ts";
import { RESOURCES } from "./resources.ts";
import { parseFieldSelector, parseLabelSelector } from "./selectors.ts";
import { labelsOf } from "./trim.ts";

export interface ManifestSourceOptions {
  /** Between looks, for changes that the kernel gives no notice of. Default 2000. */
  readonly pollMs?: number;
}

/** Reads all once. @throws ManifestError, KubeConfigError when there is nothing to read */
export async function checkManifests(path: string): Promise<void> {
  const { errors } = await readAll(path, new Map());
  const [error] = errors;
  if (error !== undefined) throw error;
}

/** Reads when the first watch begins. */
export function manifestSource(path: string, options: ManifestSourceOptions = {}): ClusterSource {
  return new ManifestSource(path, options);
}

interface KnownFile {
  readonly signature: string;
  /** Of its last state that could be read. */
  readonly manifests: readonly Manifest[];
  readonly error: NodensFileError | undefined;
}

type NodensFileError = ManifestError | KubeConfigError;
type Files = ReadonlyMap<string, KnownFile>;

/** One kind and selection that is watched. */
interface Outlet<K extends Kind> {
  readonly feed: Feed<ObjectOf[K]>;
  readonly refresh: (world: World) => void;
  readonly stale: (reason: string | undefined) => void;
}

class ManifestSource implements ClusterSource {
  readonly name: string;
  readonly #pollMs: number;
  readonly #interner = new Interner();
  readonly #outlets: { readonly [K in Kind]: Map<string, Outlet<K>> } = {
    services: new Map(),
    endpointslices: new Map(),
    pods: new Map(),
    namespaces: new Map(),
    serviceimports: new Map(),
  };
  #files: Files = new Map();
  #world: World | undefined;
  #reason: string | undefined;
  #watching: FolderWatch | undefined;
  #reading: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(path: string, { pollMs = 2000 }: ManifestSourceOptions) {
    this.name = path;
    this.#pollMs = pollMs;
  }

  watch<K extends Kind>(kind: K, selection: Selection, watcher: Watcher<ObjectOf[K]>): Watch {
    const key = JSON.stringify([selection.namespace, selection.labelSelector, selection.fieldSelector]);
    const known: Map<string, Outlet<K>> = this.#outlets[kind];
    const outlet = known.get(key) ?? this.#outlet(kind, selection);
    known.set(key, outlet);
    if (!this.#closed && this.#watching === undefined) {
      this.#watching = new FolderWatch(this.name, this.#pollMs, () => this.#look());
      this.#look();
    }
    return outlet.feed.join(watcher, () => {
      if (known.get(key) === outlet) known.delete(key);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watching?.stop();
    for (const kinds of Object.values(this.#outlets)) kinds.clear();
    await this.#reading;
  }

  #outlet<K extends Kind>(kind: K, selection: Selection): Outlet<K> {
    const feed = new Feed<ObjectOf[K]>();
    const { trim } = RESOURCES[kind];
    const refused = (error: unknown): Outlet<K> => {
      feed.stale(describeError(error));
      return { feed, refresh: () => {}, stale: () => {} };
    };
    let matches: (raw: Raw) => boolean;
    try {
      matches = selects(selection);
    } catch (error) {
      return refused(error);
    }
    const outlet: Outlet<K> = {
      feed,
      refresh: (world) => {
        feed.beginWhole();
        for (const raw of world[kind]) {
          const object = matches(raw) ? trim(raw, this.#interner) : undefined;
          if (object !== undefined) feed.put(object);
        }
        feed.endWhole();
      },
      stale: (reason) => feed.stale(reason),
    };
    if (this.#world !== undefined) outlet.refresh(this.#world);
    outlet.stale(this.#reason);
    return outlet;
  }

  /** One reading at a time; a change while it runs is read after it. */
  #look(): void {
    if (this.#closed) return;
    if (this.#reading !== undefined) {
      this.#again = true;
      return;
    }
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.#look();
    });
  }

  async #read(): Promise<void> {
    let reason: string | undefined;
    try {
      const { files, errors } = await readAll(this.name, this.#files);
      if (this.#closed) return;
      reason = errors.length === 0 ? undefined : errors.map(describeError).join("; ");
      const changed =
        files.size !== this.#files.size || [...files].some(([path, file]) => this.#files.get(path) !== file);
      this.#files = files;
      if (changed || this.#world === undefined) {
        this.#world = worldOf([...files.values()].flatMap(({ manifests }) => manifests));
        for (const kinds of Object.values(this.#outlets)) for (const each of kinds.values()) each.refresh(this.#world);
      }
    } catch (error) {
      if (this.#closed) return;
      reason = describeError(error);
    }
    this.#reason = reason;
    for (const kinds of Object.values(this.#outlets)) for (const each of kinds.values()) each.stale(reason);
  }
}

/** Reads what changed. A file without changes is the same object as before. @throws KubeConfigError */
async function readAll(path: string, before: Files): Promise<{ files: Files; errors: readonly NodensFileError[] }> {
  // Not at the start of every process that could read manifests.
  const { readManifests } = await import("./manifest-file.ts");
  let found: ReadonlyMap<string, string>;
  try {
    found = await findFiles(path);
  } catch (cause) {
    throw new KubeConfigError(`manifests cannot be read: ${describeError(cause)}`, { cause });
  }
  const files = new Map<string, KnownFile>();
  for (const [file, signature] of found) {
    const known = before.get(file);
    if (known?.signature === signature) {
      files.set(file, known);
      continue;
    }
    let manifests = known?.manifests ?? [];
    let error: NodensFileError | undefined;
    try {
      manifests = readManifests(file, await readBounded(file));
    } catch (cause) {
      error =
        cause instanceof ManifestError
          ? cause
          : new KubeConfigError(`${file} cannot be read: ${describeError(cause)}`, { cause });
    }
    files.set(file, { signature, manifests, error });
  }
  return { files, errors: [...files.values()].flatMap(({ error }) => error ?? []) };
}

/** @throws SelectorError */
function selects({ namespace, labelSelector = "", fieldSelector = "" }: Selection): (raw: Raw) => boolean {
  const byLabels = parseLabelSelector(labelSelector);
  const byFields = parseFieldSelector(fieldSelector);
  return (raw) =>
    (namespace === undefined || text(at(raw, ["metadata", "namespace"])) === namespace) &&
    byLabels(labelsOf(at(raw, ["metadata", "labels"]))) &&
    byFields(raw);
}
