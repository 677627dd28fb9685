/** Which row belongs to which server, zone and view. Rows are given once and kept: counters must not jump back. */
import type { RowLabels } from "./row-families.ts";
import { MAX_ROWS, OVERFLOW_ROW } from "./server-rows.ts";

interface Row {
  readonly row: number;
  readonly server: string;
  readonly zone: string;
  readonly view: string;
  cacheZones: string | undefined;
  /** Blocks with a `prometheus` plugin that show it; during a reload the old and the new one. */
  holders: number;
}

export class RowTable {
  readonly #rows: Row[];
  /** Server, then zone, then view: no key is put together for a look-up. */
  readonly #index: Map<string, Map<string, Map<string, Row>>>;

  constructor() {
    this.#rows = [{ row: OVERFLOW_ROW, server: "other", zone: "other", view: "", cacheZones: undefined, holders: 1 }];
    this.#index = new Map();
  }

  /** Rows given, the overflow row not counted. */
  get size(): number {
    return this.#rows.length - 1;
  }

  row(server: string, zone: string, view: string): number {
    return this.#find(server, zone, view).row;
  }

  show(server: string, zone: string, view: string): () => void {
    const row = this.#find(server, zone, view);
    row.holders++;
    let held = true;
    return () => {
      if (held) row.holders--;
      held = false;
    };
  }

  nameCache(row: number, zones: string): void {
    const found = this.#rows[row];
    if (found !== undefined && row !== OVERFLOW_ROW) found.cacheZones = zones;
  }

  labels(): RowLabels[] {
    return this.#rows.map(({ row, server, zone, view, cacheZones, holders }) => ({
      row,
      server,
      zone,
      view,
      cacheZones: cacheZones ?? zone,
      visible: holders > 0,
    }));
  }

  #find(server: string, zone: string, view: string): Row {
    const found = this.#index.get(server)?.get(zone)?.get(view);
    if (found !== undefined) return found;
    const overflow = this.#rows[OVERFLOW_ROW];
    if (overflow === undefined) throw new Error("there is always an overflow row");
    // Not indexed then: the table of names must not grow either.
    if (this.#rows.length >= MAX_ROWS) return overflow;
    const row: Row = { row: this.#rows.length, server, zone, view, cacheZones: undefined, holders: 0 };
    this.#rows.push(row);
    const zones = this.#index.get(server) ?? new Map<string, Map<string, Row>>();
    const views = zones.get(zone) ?? new Map<string, Row>();
    this.#index.set(server, zones.set(zone, views.set(view, row)));
    return row;
  }
}
