/**
 * The tables that all plugins of the process share: one source, one watch for each kind and selection.
 *
 * A table lives while somebody holds it. A reload holds for the new configuration before it releases the old one's, so
 * nothing is listed again by that.
 */
import type { ClusterSource, Kind, Selection, Watch } from "../../kube/cluster-source.ts";
import type { EndpointSlice, Namespace, Pod, Service, ServiceImport } from "../../kube/objects.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { ImportTable } from "./import-table.ts";
import { NamespaceTable } from "./namespace-table.ts";
import { PodTable } from "./pod-table.ts";
import { ServiceTable } from "./service-table.ts";
import { SliceTable } from "./slice-table.ts";
import type { Table } from "./table.ts";

interface TableOf {
  readonly services: ServiceTable;
  readonly endpointslices: SliceTable;
  readonly pods: PodTable;
  readonly namespaces: NamespaceTable;
  readonly serviceimports: ImportTable;
}

type AnyObject = Service | EndpointSlice | Pod | Namespace | ServiceImport;

interface Held {
  readonly table: Table<AnyObject>;
  readonly watch: Watch;
  holders: number;
}

/** A table that is held until it is released; a second release does nothing. */
export interface Lease<T> {
  readonly table: T;
  release(): void;
}

export class SharedCluster {
  readonly source: ClusterSource;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #held: Map<string, Held>;
  /** Monotonic milliseconds since which some table is out of date; undefined while none is. */
  #staleSinceMs: number | undefined;

  constructor(source: ClusterSource, clock: Clock, log: Log) {
    this.source = source;
    this.#clock = clock;
    this.#log = log;
    this.#held = new Map();
    this.#staleSinceMs = undefined;
  }

  /** Why some objects may be out of date; undefined while all that may be read are current. */
  get staleReason(): string | undefined {
    for (const { table } of this.#held.values())
      if (table.staleReason !== undefined && !table.isDenied) return table.staleReason;
    return undefined;
  }

  /** For how long that has been so, in seconds. */
  get staleS(): number {
    return this.#staleSinceMs === undefined ? 0 : (this.#clock.monotonicMs() - this.#staleSinceMs) / 1000;
  }

  /** Objects held of a kind, over all selections. */
  count(kind: Kind): number {
    let count = 0;
    for (const [key, { table }] of this.#held) if (key.startsWith(`${kind} `)) count += table.size;
    return count;
  }

  hold<K extends Kind>(kind: K, selection: Selection = {}): Lease<TableOf[K]> {
    const { namespace = "", labelSelector = "", fieldSelector = "" } = selection;
    const key = `${kind} ${JSON.stringify([namespace, labelSelector, fieldSelector])}`;
    const held = this.#held.get(key) ?? this.#watch(key, kind, selection);
    held.holders++;
    let isHeld = true;
    return {
      table: held.table as unknown as TableOf[K],
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        held.holders--;
        if (held.holders > 0) return;
        this.#held.delete(key);
        held.watch.stop();
        // What nobody holds is not out of date any more; it has not become current either.
        if (this.staleReason === undefined) this.#staleSinceMs = undefined;
      },
    };
  }

  async close(): Promise<void> {
    for (const { watch } of this.#held.values()) watch.stop();
    this.#held.clear();
    await this.source.close();
  }

  #watch(key: string, kind: Kind, selection: Selection): Held {
    const table = this.#make(kind) as unknown as Table<AnyObject>;
    const held: Held = { table, watch: this.source.watch(kind, selection, table), holders: 0 };
    this.#held.set(key, held);
    return held;
  }

  #make(kind: Kind): TableOf[Kind] {
    const wallMs = (): number => this.#clock.wallMs();
    const onState = (table: { readonly isDenied: boolean; readonly staleReason: string | undefined }): void => {
      if (table.isDenied) this.#log.warning(`${this.#named(table.staleReason)}; what needs them goes without`);
      this.#noteState();
    };
    switch (kind) {
      case "services":
        return new ServiceTable(wallMs, onState);
      case "endpointslices":
        return new SliceTable(wallMs, onState);
      case "pods":
        return new PodTable(wallMs, onState);
      case "namespaces":
        return new NamespaceTable(wallMs, onState);
      case "serviceimports":
        return new ImportTable(wallMs, onState);
    }
  }

  /** One line when the objects go out of date, one when they are current again. */
  #noteState(): void {
    const reason = this.staleReason;
    if (reason !== undefined && this.#staleSinceMs === undefined) {
      this.#staleSinceMs = this.#clock.monotonicMs();
      this.#log.warning(`${this.#named(reason)}; what is known is served on`);
    } else if (reason === undefined && this.#staleSinceMs !== undefined) {
      const seconds = Math.round(this.staleS);
      this.#staleSinceMs = undefined;
      this.#log.info(`${this.source.name}: up to date again after ${seconds} s`);
    }
  }

  /** Some reasons name the source themselves. */
  #named(reason: string | undefined): string {
    const { name } = this.source;
    return reason?.startsWith(`${name}: `) === true ? reason : `${name}: ${reason}`;
  }
}
