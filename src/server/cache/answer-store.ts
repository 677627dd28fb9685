/**
 * The answer store: whole responses by question, in memory that all threads see, written by the main thread alone.
 *
 * Words: a **partition** keeps the answers of one server block apart from others'; a **variant** is `DO | CD << 1`;
 * an **entry** is a stored answer, known by its slot until the next call that may write. **Data** (positive answers and
 * denials) has one entry a question. What must not displace data stands **aside** of it under the same question.
 *
 * An NXDOMAIN with an empty answer section denies every type of its name (RFC 2308 §5) and is stored once for all,
 * unless a positive answer of the name is held for another type: then it is stored for its own type alone. An answer
 * that shows that the name exists removes the denial of the name.
 *
 * Bounds: entries per partition and kind (`configure`), entries in all, bytes in all. `entry-queue.ts` and
 * `slot-room.ts` say who leaves.
 */
import type { Clock } from "../../base/clock.ts";
import { FLAG_CD, FLAG_QR, FLAGS_AT, HEADER_BYTES, QDCOUNT_AT, writeU16 } from "../../dns/header.ts";
import type { QueryView } from "../../dns/query-view.ts";
import type { ResponseScan } from "../../dns/response-scan.ts";
import { createRegion, type SharedRegion } from "../../linux/shared-region.ts";
import { AnswerReader } from "./answer-reader.ts";
import { type CacheLimits, EntryQueues } from "./entry-queues.ts";
import type { EntrySource, ImportReport } from "./entry-source.ts";
import { type PartitionRecord, PartitionTable, rulesDigest } from "./partition-table.ts";
import { Partitions } from "./partitions.ts";
import { PositiveNames } from "./positive-names.ts";
import { PrefetchWatch } from "./prefetch-watch.ts";
import { QuestionHash } from "./question-hash.ts";
import { QuestionIndex } from "./question-index.ts";
import { layOutRegion } from "./lay-out-region.ts";
import type { AnswerStoreHandle, Region } from "./region.ts";
import { RegionEntries } from "./region-entries.ts";
import { RegionHits } from "./region-hits.ts";
import {
  EXPIRES_S_WORD,
  HASH_WORD,
  KIND_SUCCESS,
  MARK_ANSWERS,
  NAME_HASH_WORD,
  PAGE_BYTES,
  RETRY_S_WORD,
  SCOPE_ASIDE,
  sizeClassOf,
  SIZE_CLASSES,
  STALE_UNTIL_S_WORD,
  STORED_S_WORD,
  VARIANT_SHIFT,
  WAYS,
} from "./region-layout.ts";
import { SlotPages } from "./slot-pages.ts";
import { SlotRoom } from "./slot-room.ts";
import { type EntryTerms, slotBytes, SlotWriter } from "./slot-writer.ts";
import { importEntries } from "./store-import.ts";
import { StoreTick } from "./store-tick.ts";

/** Of `DO | CD << 1`. */
const VARIANTS = 4;

export interface AnswerStoreOptions {
  /** Of the whole region, all book-keeping that is shared included; at least about 300 KiB. */
  readonly bytes: number;
  /** Default: one for each 512 bytes. */
  readonly maxEntries?: number;
  readonly clock: Clock;
  /** Memory that is all zero; default: made here, of `bytes`. */
  readonly region?: SharedRegion;
  /** Key of the hash, two words, for tests; default: from a cryptographic generator. */
  readonly hashKey?: Int32Array;
}

export class AnswerStore {
  /** For `AnswerReader` in any thread of this process. */
  readonly handle: AnswerStoreHandle;
  readonly #clock: Clock;
  readonly #region: Region;
  readonly #writer: SlotWriter;
  readonly #hash: QuestionHash;
  readonly #index: QuestionIndex;
  readonly #hits: RegionHits;
  readonly #pages: SlotPages;
  readonly #queues: EntryQueues;
  readonly #room: SlotRoom;
  readonly #prefetch: PrefetchWatch;
  readonly #positives: PositiveNames;
  /** Entries that stand aside: nearly always none, and then nobody looks for one. */
  #asides: number;
  readonly #partitions: Partitions;
  readonly #table: PartitionTable;
  readonly #tick: StoreTick;
  readonly #maxEntries: number;
  /** The question's name, where its first byte is a word's first. */
  readonly #nameWords: Int32Array;
  readonly #nameBytes: Uint8Array;

  private constructor(options: AnswerStoreOptions) {
    const maxEntries = options.maxEntries ?? Math.ceil(options.bytes / 512);
    const memory = options.region ?? createRegion("nodens-answers", options.bytes);
    const region = layOutRegion(memory, maxEntries, options.clock.monotonicMs(), options.hashKey);
    const slots = region.geometry.slots;
    this.handle = { region: memory.handle };
    this.#clock = options.clock;
    this.#region = region;
    this.#writer = new SlotWriter(region);
    this.#hash = new QuestionHash(region.key0, region.key1);
    this.#index = new QuestionIndex(region);
    this.#hits = new RegionHits(region);
    this.#pages = new SlotPages(region.words, region.geometry);
    this.#queues = new EntryQueues(slots, this.#hits);
    this.#room = new SlotRoom(this.#pages, this.#queues.links, (slot) => this.#evict(slot));
    this.#prefetch = new PrefetchWatch(slots, this.#hits);
    this.#positives = new PositiveNames();
    this.#asides = 0;
    this.#partitions = new Partitions();
    this.#table = new PartitionTable(region);
    this.#maxEntries = maxEntries;
    this.#nameWords = new Int32Array(64);
    this.#nameBytes = new Uint8Array(this.#nameWords.buffer);
    this.#tick = new StoreTick({
      slots,
      writer: this.#writer,
      pages: this.#pages,
      queues: this.#queues,
      hits: this.#hits,
      prefetch: this.#prefetch,
      drop: (slot) => this.#drop(slot),
    });
  }

  /** @throws StoreRegionError when the memory is too small */
  static create(options: AnswerStoreOptions): AnswerStore {
    return new AnswerStore(options);
  }

  /** The region's second now; what `nowS` means everywhere in this folder. */
  nowS(): number {
    return this.#region.secondsAt(this.#clock.monotonicMs());
  }

  /** Milliseconds until the region's second has just changed (timers may be a millisecond early): time for a `tick`. */
  untilNextSecondMs(): number {
    return 1001 - (this.#clock.monotonicMs() % 1000);
  }

  /**
   * The number of a partition, the same for the same signature for the life of the process, 1 to 4096. After 4096
   * different signatures the one asked for longest ago loses its entries and its number.
   *
   * @param signature of all that decides what answers a server block gives (its upstreams, its zones)
   */
  partition(signature: string): number {
    return this.#partitions.number(signature, (partition) => this.#purge(partition));
  }

  /**
   * Sets what a partition may hold. What is beyond a lower limit leaves at once, all when the rules are others.
   *
   * @returns ends it: nothing is prefetched any more, unless somebody else has configured the partition since
   */
  configure(partition: number, limits: CacheLimits): () => void {
    const known = { ...limits, rules: rulesDigest(limits.rules ?? "") };
    if (this.#queues.hasOtherRules(partition, known)) this.#purge(partition);
    for (const slot of this.#queues.overlong(partition, limits, (held) => this.remainingS(held))) this.#drop(slot);
    for (const victim of this.#queues.configure(partition, known)) this.#evict(victim);
    const { staleS } = limits;
    if (staleS !== undefined) for (const slot of this.#queues.slots(partition)) this.#writer.capStale(slot, staleS);
    const signature = this.#partitions.digest(partition);
    if (signature !== undefined) this.#table.set(partition, { signature, limits: known });
    return () => this.#queues.release(partition, known);
  }

  /**
   * Takes entries of another store over, as they are: with the lifetimes that they have left. Meant for a store that
   * nobody asks yet; what it holds already stays as it is. What does not fit the rules of a partition goes when that is
   * configured, so that has to come before it is served.
   *
   * @param budgetMs stops after so many milliseconds
   */
  importFrom(source: EntrySource, budgetMs: number): ImportReport {
    return importEntries(source, budgetMs, {
      clock: this.#clock,
      region: this.#region,
      writer: this.#writer,
      hash: this.#hash,
      index: this.#index,
      hits: this.#hits,
      pages: this.#pages,
      queues: this.#queues,
      prefetch: this.#prefetch,
      positives: this.#positives,
      maxEntries: this.#maxEntries,
      onAside: () => {
        this.#asides++;
      },
      partitionOf: (record) => this.#inherit(record),
    });
  }

  /** The entries held, for `importFrom` of another store or for a file. */
  entriesHeld(): RegionEntries {
    return new RegionEntries(this.#region, this.nowS());
  }

  /**
   * Finds the data for a question: fresh for its type, else a fresh denial of the whole name, else either of them stale.
   *
   * @param wire the query, its name at 12
   * @param view of `wire`, question readable
   * @returns slot, or -1
   */
  find(wire: Uint8Array, view: QueryView, partition: number): number {
    const nowS = this.nowS();
    this.#begin(wire, view, partition, false);
    const exact = this.#index.find(this.#hash, view.qtype | (view.qclass << 16));
    if (exact >= 0 && this.#writer.field(exact, EXPIRES_S_WORD) > nowS) return exact;
    const denied = this.#index.find(this.#hash, view.qclass << 16);
    if (denied >= 0 && this.#writer.field(denied, EXPIRES_S_WORD) > nowS) return denied;
    if (exact >= 0 && this.#writer.field(exact, STALE_UNTIL_S_WORD) > nowS) return exact;
    return denied >= 0 && this.#writer.field(denied, STALE_UNTIL_S_WORD) > nowS ? denied : -1;
  }

  /** Finds what stands aside of a question's data, if it is fresh. @returns slot, or -1 */
  findAside(wire: Uint8Array, view: QueryView, partition: number): number {
    if (this.#asides === 0) return -1;
    this.#begin(wire, view, partition, true);
    const slot = this.#index.find(this.#hash, view.qtype | (view.qclass << 16));
    return slot >= 0 && this.#writer.field(slot, EXPIRES_S_WORD) > this.nowS() ? slot : -1;
  }

  /** Seconds of freshness left; 0 or less when the entry is stale. */
  remainingS(slot: number): number {
    return this.#writer.field(slot, EXPIRES_S_WORD) - this.nowS();
  }

  /** `KIND_SUCCESS`, `KIND_DENIAL` or `KIND_FAILURE`. */
  kind(slot: number): number {
    return this.#writer.kind(slot);
  }

  /** Whether the entry is a positive answer that answers its question. */
  answers(slot: number): boolean {
    return this.#writer.hasMark(slot, MARK_ANSWERS);
  }

  /** Whether a failed refresh of the entry was less than its pause ago. */
  isResting(slot: number): boolean {
    return this.#writer.field(slot, RETRY_S_WORD) > this.nowS();
  }

  /** Lets the entry rest for so many seconds. */
  rest(slot: number, seconds: number): void {
    this.#writer.setRetryS(slot, this.nowS() + seconds);
  }

  /**
   * A whole response to the query, made from the entry, without OPT. Counts a hit.
   *
   * @param ttlS TTL of every record; default what remains, or what was stored where TTLs are kept
   * @returns new memory
   */
  message(slot: number, wire: Uint8Array, view: QueryView, ttlS?: number): Uint8Array {
    const nowS = this.nowS();
    this.#hits.add(slot, nowS);
    const message = new Uint8Array(view.questionEnd + this.#writer.tailLength(slot));
    message.set(wire.subarray(0, view.questionEnd));
    this.#writer.copyTail(slot, message, view.questionEnd, nowS, ttlS);
    writeU16(message, FLAGS_AT, FLAG_QR | this.#writer.headerFlags(slot));
    writeU16(message, QDCOUNT_AT, 1);
    return message;
  }

  /**
   * Stores the answer to a question, in place of what was held for it.
   *
   * @param wire the query, its name at 12
   * @param view of `wire`, question readable
   * @param message response whose question is the query's; not kept
   * @param scan of `message`
   * @returns false when it cannot be held: it is longer than 16 KiB, or has records behind its OPT
   */
  put(
    wire: Uint8Array,
    view: QueryView,
    partition: number,
    message: Uint8Array,
    scan: ResponseScan,
    terms: EntryTerms,
  ): boolean {
    if (scan.questionEnd !== view.questionEnd || view.qtype === 0) return false;
    if (scan.optAt >= 0 && scan.optEnd !== scan.end) return false;
    const sizeClass = sizeClassOf(slotBytes(scan));
    if (sizeClass >= SIZE_CLASSES) return false;
    this.#begin(wire, view, partition, terms.aside);
    let typeClass = view.qtype | (view.qclass << 16);
    const wholeName = view.qclass << 16;
    if (!terms.aside && terms.deniesName) {
      const exact = this.#index.find(this.#hash, typeClass);
      const own = exact >= 0 && this.#writer.kind(exact) === KIND_SUCCESS ? 1 : 0;
      if (this.#positives.count(this.#hash.nameHash()) <= own) {
        if (exact >= 0) this.#drop(exact);
        typeClass = wholeName;
      }
    } else if (!terms.aside && (scan.rcode === 0 || scan.answerCount > 0)) {
      const denied = this.#index.find(this.#hash, wholeName);
      if (denied >= 0) this.#drop(denied);
    }
    this.#store(partition, typeClass, sizeClass, message, scan, terms);
    if (!terms.aside) this.#dropAside(wire, view, partition);
    return true;
  }

  /** For this thread. Others open the region by the store's handle. */
  newReader(): AnswerReader {
    return new AnswerReader(this.#region);
  }

  /** Takes the data and what stands aside of a question away. @returns whether there was any */
  remove(wire: Uint8Array, view: QueryView, partition: number): boolean {
    let removed = false;
    for (const aside of [false, true]) {
      this.#begin(wire, view, partition, aside);
      for (const typeClass of [view.qtype | (view.qclass << 16), view.qclass << 16]) {
        const slot = this.#index.find(this.#hash, typeClass);
        if (slot < 0) continue;
        this.#drop(slot);
        removed = true;
      }
    }
    return removed;
  }

  /**
   * Takes everything away that is held for names: all types and flags, denials, what stands aside.
   *
   * @param names wire form
   * @returns entries that went
   */
  removeNames(partition: number, names: Iterable<Uint8Array>): number {
    const hashes = new Set<number>();
    if (this.#queues.count(partition) === 0) return 0;
    for (const name of names) {
      this.#nameBytes.set(name);
      for (let variant = 0; variant < VARIANTS; variant++) {
        for (const aside of [0, SCOPE_ASIDE]) {
          this.#hash.begin(partition | (variant << VARIANT_SHIFT) | aside, this.#nameWords, 0, name.length);
          hashes.add(this.#hash.nameHash());
        }
      }
    }
    // Another name with the same hash goes too; it is asked for again.
    return this.#removeWhere(partition, (slot) => hashes.has(this.#writer.field(slot, NAME_HASH_WORD)));
  }

  /** Takes everything away that is held for names in a zone. @param zone wire form, lower case @returns entries that went */
  removeBelow(partition: number, zone: Uint8Array): number {
    return this.#removeWhere(partition, (slot) => this.#writer.isBelow(slot, zone));
  }

  /** Once a second: stamps the TTLs of hot entries, lets go of what is too old, asks for what is to be prefetched. */
  tick(): void {
    this.#tick.run(this.nowS());
  }

  /** Entries held, fresh or not. */
  entries(partition: number, kind: number): number {
    return this.#queues.entries(partition, kind);
  }

  /** Entries that left for want of room, so far. */
  evictions(partition: number, kind: number): number {
    return this.#queues.evictions(partition, kind);
  }

  /** Evictions so far of entries that had not been asked for often enough to stay. */
  get rejections(): number {
    return this.#queues.sum("rejections");
  }

  /** Entries stored so far that had been evicted a short while before. */
  get ghostHits(): number {
    return this.#queues.sum("ghostHits");
  }

  /** Entries in all. */
  get size(): number {
    return this.#queues.total;
  }

  /** Bytes of the pages in use. */
  get usedBytes(): number {
    return this.#pages.pagesTouched * PAGE_BYTES;
  }

  /** Bytes of all pages. */
  get limitBytes(): number {
    return this.#pages.pages * PAGE_BYTES;
  }

  /** The region as a whole, book-keeping included. */
  get regionBytes(): number {
    return this.#region.geometry.bytes;
  }

  #removeWhere(partition: number, isMeant: (slot: number) => boolean): number {
    const slots = [...this.#queues.slots(partition)].filter((slot) => isMeant(slot));
    for (const slot of slots) this.#drop(slot);
    return slots.length;
  }

  /** What stood aside of data that is now new says nothing any more. */
  #dropAside(wire: Uint8Array, view: QueryView, partition: number): void {
    if (this.#asides === 0) return;
    this.#begin(wire, view, partition, true);
    const slot = this.#index.find(this.#hash, view.qtype | (view.qclass << 16));
    if (slot >= 0) this.#drop(slot);
  }

  #begin(wire: Uint8Array, view: QueryView, partition: number, aside: boolean): void {
    const variant = (view.dnssecOk ? 1 : 0) | ((view.flags & FLAG_CD) === 0 ? 0 : 2);
    const scope = partition | (variant << VARIANT_SHIFT) | (aside ? SCOPE_ASIDE : 0);
    for (let i = 0; i < view.nameLength; i++) this.#nameBytes[i] = wire[HEADER_BYTES + i] ?? 0;
    this.#hash.begin(scope, this.#nameWords, 0, view.nameLength);
  }

  /** Stores under the key begun in `#hash`. */
  #store(
    partition: number,
    typeClass: number,
    sizeClass: number,
    message: Uint8Array,
    scan: ResponseScan,
    terms: EntryTerms,
  ): void {
    const nowS = this.nowS();
    const queue = this.#queues.of(partition, terms.kind);
    const old = this.#index.find(this.#hash, typeClass);
    if (old >= 0 && this.#pages.classOf(old) === sizeClass) {
      this.#replace(old, typeClass, message, scan, terms, nowS);
      return;
    }
    const tag = this.#hash.finish(typeClass);
    let popularity = 0;
    let place: "new" | "small" | "main" = "new";
    if (old >= 0) {
      popularity = this.#prefetch.run(old);
      place = this.#queues.queueOf(old).isInMain(old) ? "main" : "small";
      this.#drop(old);
    }
    while (queue.isFull) this.#evict(queue.victim());
    while (this.#queues.total >= this.#maxEntries) this.#evict(this.#queues.largest().victim());
    let way = this.#index.emptyWay(tag);
    if (way < 0) {
      this.#evict(this.#coldestOfSet(tag));
      way = this.#index.emptyWay(tag);
    }
    const slot = this.#room.take(sizeClass);
    this.#writer.write(slot, this.#hash, typeClass, message, scan, terms, nowS);
    this.#index.set(way, tag, slot);
    this.#queues.admit(slot, queue, tag, place);
    this.#prefetch.renew(slot, popularity);
    if (terms.aside) this.#asides++;
    else if (terms.kind === KIND_SUCCESS) this.#positives.add(this.#hash.nameHash());
  }

  /** Writes a new answer over the old one of the same question. Being asked for again counts for its stay. */
  #replace(
    slot: number,
    typeClass: number,
    message: Uint8Array,
    scan: ResponseScan,
    terms: EntryTerms,
    nowS: number,
  ): void {
    const before = this.#queues.queueOf(slot);
    const after = this.#queues.of(before.partition, terms.kind);
    const popularity = this.#prefetch.run(slot);
    if (before !== after) {
      const place = before.isInMain(slot) ? "main" : "small";
      this.#queues.remove(slot);
      while (after.isFull) this.#evict(after.victim());
      this.#queues.admit(slot, after, 0, place);
      if (!terms.aside) {
        if (before.kind === KIND_SUCCESS) this.#positives.remove(this.#hash.nameHash());
        if (terms.kind === KIND_SUCCESS) this.#positives.add(this.#hash.nameHash());
      }
    } else {
      this.#queues.links.setFrequency(slot, this.#queues.links.frequency(slot) + 1);
    }
    this.#writer.write(slot, this.#hash, typeClass, message, scan, terms, nowS);
    this.#prefetch.renew(slot, popularity);
  }

  #coldestOfSet(tag: number): number {
    let coldest = -1;
    for (let way = 0; way < WAYS; way++) {
      const slot = this.#index.slotIn(tag, way);
      if (coldest < 0 || this.#isColder(slot, coldest)) coldest = slot;
    }
    return coldest;
  }

  #isColder(slot: number, than: number): boolean {
    const links = this.#queues.links;
    const difference = links.frequency(slot) - links.frequency(than);
    if (difference !== 0) return difference < 0;
    return this.#writer.field(slot, STORED_S_WORD) < this.#writer.field(than, STORED_S_WORD);
  }

  /** Takes an entry out for want of room. */
  #evict(slot: number): void {
    this.#queues.evict(slot, this.#writer.field(slot, HASH_WORD));
    this.#forget(slot);
  }

  /** Takes an entry out because it is over. */
  #drop(slot: number): void {
    this.#queues.remove(slot);
    this.#forget(slot);
  }

  #forget(slot: number): void {
    this.#index.remove(this.#writer.field(slot, HASH_WORD), slot);
    if (this.#writer.isAside(slot)) {
      this.#asides--;
    } else if (this.#writer.kind(slot) === KIND_SUCCESS) {
      this.#positives.remove(this.#writer.field(slot, NAME_HASH_WORD));
    }
    this.#writer.clear(slot);
    this.#pages.release(slot);
  }

  /** @returns this store's number of another store's partition; undefined when it has other rules here, or none is left */
  #inherit(record: PartitionRecord): number | undefined {
    const { signature, limits } = record;
    const partition = this.#partitions.numberIfFree(signature);
    if (partition === undefined) return undefined;
    if (this.#queues.knows(partition)) return this.#queues.hasOtherRules(partition, limits) ? undefined : partition;
    for (const victim of this.#queues.configure(partition, limits)) this.#evict(victim);
    this.#table.set(partition, record);
    return partition;
  }

  /** All entries of a number, which may mean something else from now on. */
  #purge(partition: number): void {
    for (const slot of this.#queues.purge(partition)) this.#drop(slot);
    this.#table.clear(partition);
  }
}
