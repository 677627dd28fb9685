/**
 * Which zone of a listener a name belongs to: the longest that it is equal to or below.
 *
 * Matching walks the name's suffixes from the longest to the root and looks only at zones of exactly that many bytes,
 * so that it costs a few array reads however many zones there are. Plain data inside: it can be posted to a thread.
 */

/** One zone as the fast path needs it. */
export interface FastZone {
  /** Lower-case wire form. */
  readonly name: Uint8Array;
  /** Keeps this server block's answers apart in the store. */
  readonly partition: number;
  /** Row of its counters. */
  readonly row: number;
  /** Every query of this zone goes through the chain: a plugin above the cache must see it, or there is no cache. */
  readonly slow: boolean;
  /** NXDOMAIN is left to the chain, where a plugin above the cache may find another name instead. */
  readonly seesDenials?: boolean;
}

const NONE = -1;

export class ZoneTable {
  static #made = 0;
  /** Another for each table of this thread. */
  readonly id: number;
  readonly zones: readonly Required<FastZone>[];
  /** First zone of each wire length, 0 to 255. */
  readonly #firstOfLength: Int16Array;
  /** Next zone of the same length. */
  readonly #next: Int16Array;

  constructor(zones: readonly FastZone[]) {
    this.id = ++ZoneTable.#made;
    // Objects of one shape, wherever they came from: those out of a posted message have another, and V8 would compile twice.
    this.zones = zones.map(({ name, partition, row, slow, seesDenials }) => ({
      name,
      partition,
      row,
      slow,
      seesDenials: seesDenials === true,
    }));
    this.#firstOfLength = new Int16Array(256).fill(NONE);
    this.#next = new Int16Array(zones.length).fill(NONE);
    for (const [index, zone] of zones.entries()) {
      this.#next[index] = this.#firstOfLength[zone.name.length] ?? NONE;
      this.#firstOfLength[zone.name.length] = index;
    }
  }

  /**
   * @param nameAt offset of an uncompressed name of `nameLength` bytes
   * @param skip bytes at the start of the name that do not count: 0, or the length of its first label and length byte to
   *   start with its parent (DS queries belong to the parent's zone, RFC 4035 §3.1.4.1)
   * @returns index into `zones`, or -1
   */
  match(bytes: Uint8Array, nameAt: number, nameLength: number, skip = 0): number {
    const end = nameAt + nameLength;
    let at = nameAt + skip;
    while (at < end) {
      let zone = this.#firstOfLength[end - at] ?? NONE;
      while (zone >= 0) {
        if (endsWith(bytes, at, this.zones[zone]?.name)) return zone;
        zone = this.#next[zone] ?? NONE;
      }
      at += (bytes[at] ?? 0) + 1;
    }
    return NONE;
  }
}

function endsWith(bytes: Uint8Array, at: number, zone: Uint8Array | undefined): boolean {
  if (zone === undefined) return false;
  for (let i = 0; i < zone.length; i++) {
    let byte = bytes[at + i] ?? 0;
    // Length bytes are at most 63 and so never look like a letter.
    if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    if (byte !== zone[i]) return false;
  }
  return true;
}
