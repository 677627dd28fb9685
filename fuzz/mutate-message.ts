/**
 * Changes of DNS messages that know what they change: counts, lengths, pointers, labels, types, whole records.
 *
 * Most keep the rest of the message sound, so that an input gets past the first check it meets.
 */
import { mapMessage, type MessageMap, type RecordPlace, setWord, wordAt } from "./message-map.ts";
import type { Random } from "./random.ts";

type Mutation = (bytes: Uint8Array, map: MessageMap, random: Random, inputs: readonly Uint8Array[]) => Uint8Array;

const BYTES = [0, 1, 2, 11, 12, 41, 63, 64, 127, 128, 191, 192, 255];
const WORDS = [0, 1, 2, 3, 10, 11, 12, 16, 41, 255, 256, 512, 1232, 4096, 0x7fff, 0x8000, 0xfffe, 0xffff];
const LONGS = [0, 1, 5, 30, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
/** Types whose data has a form, and some that have none. */
const TYPES = [
  0, 1, 2, 3, 5, 6, 7, 10, 12, 13, 14, 15, 16, 17, 18, 21, 24, 25, 26, 28, 29, 33, 35, 36, 39, 41, 43, 44, 45, 46, 47,
  48, 50, 51, 52, 61, 64, 65, 99, 128, 249, 250, 251, 252, 255, 256, 257, 666, 65535,
];
const CLASSES = [0, 1, 3, 4, 254, 255, 1232, 65535];
const OPTIONS = [3, 5, 8, 9, 10, 11, 12, 14, 15, 20292, 65001];
const TYPE_OPT = 41;
const MESSAGE_MAX_BYTES = 65535;

/** Another message that differs in one to a few things. Never the input itself. */
export function mutateMessage(input: Uint8Array, random: Random, inputs: readonly Uint8Array[]): Uint8Array {
  let bytes = new Uint8Array(input);
  do {
    bytes = new Uint8Array(random.pick(MUTATIONS)(bytes, mapMessage(bytes), random, inputs));
  } while (random.oneIn(3));
  return bytes.length > MESSAGE_MAX_BYTES ? bytes.slice(0, MESSAGE_MAX_BYTES) : bytes;
}

/** Bytes [at, at + removed) give way to others. */
export function splice(bytes: Uint8Array, at: number, removed: number, inserted: ArrayLike<number>): Uint8Array {
  const end = Math.min(at + removed, bytes.length);
  const out = new Uint8Array(bytes.length - (end - at) + inserted.length);
  out.set(bytes.subarray(0, at));
  out.set(inserted, at);
  out.set(bytes.subarray(end), at + inserted.length);
  return out;
}

function addTo(bytes: Uint8Array, countAt: number, difference: number): void {
  if (bytes.length > countAt + 1) setWord(bytes, countAt, (wordAt(bytes, countAt) + difference) & 0xffff);
}

function anyRecord(map: MessageMap, random: Random): RecordPlace | undefined {
  return map.records.length === 0 ? undefined : random.pick(map.records);
}

/** Where a pointer may lead: names, the header, itself, forward, into data. */
function pointer(bytes: Uint8Array, map: MessageMap, at: number, random: Random): [number, number] {
  const named = map.labelAts.length === 0 ? 12 : random.pick(map.labelAts);
  const to = random.pick([12, 0, 11, at, at - 2, at + 2, named, named, random.below(bytes.length)]) & 0x3fff;
  return [0xc0 | (to >> 8), to & 0xff];
}

function someName(bytes: Uint8Array, map: MessageMap, at: number, random: Random): number[] {
  switch (random.below(7)) {
    case 0:
      return [0];
    case 1:
      return [1, 97 + random.below(26), 0];
    case 2:
      return [...Array.from({ length: 254 }, (_, i) => (i % 2 === 0 ? 1 : 97)), 0];
    case 3:
      return [...Array.from({ length: random.pick([3, 4, 5]) }, () => [63, ...Array<number>(63).fill(120)]).flat(), 0];
    case 4:
      return [3, 0, 46, 255, ...pointer(bytes, map, at, random)];
    case 5:
      return [1, 65, ...pointer(bytes, map, at, random)];
    default:
      return pointer(bytes, map, at, random);
  }
}

const MUTATIONS: readonly Mutation[] = [
  function byte(bytes, _map, random) {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.oneIn(2) ? random.pick(BYTES) : random.below(256);
    return bytes;
  },
  function bit(bytes, _map, random) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  function insertBytes(bytes, _map, random) {
    const inserted = Array.from({ length: 1 + random.below(8) }, () => random.pick(BYTES));
    return splice(bytes, random.below(bytes.length + 1), 0, inserted);
  },
  function removeBytes(bytes, _map, random) {
    return splice(bytes, random.below(bytes.length), 1 + random.below(8), []);
  },
  function cutShort(bytes, map, random) {
    const record = anyRecord(map, random);
    const near = record === undefined ? map.questionEnd : random.pick([record.at, record.typeAt, record.dataAt]);
    return bytes.slice(0, random.oneIn(2) ? random.below(bytes.length + 1) : near + random.below(3));
  },
  function trailingBytes(bytes, _map, random) {
    return splice(bytes, bytes.length, 0, new Uint8Array(1 + random.below(40)).fill(random.below(256)));
  },
  function flags(bytes, _map, random) {
    if (bytes.length < 4) return bytes;
    const word = wordAt(bytes, 2);
    const opcode = (word & 0x87ff) | (random.below(16) << 11);
    setWord(bytes, 2, random.pick([word ^ (1 << random.below(16)), opcode, (word & ~15) | random.below(16)]));
    return bytes;
  },
  function count(bytes, _map, random) {
    const at = random.pick([4, 6, 8, 10]);
    if (random.oneIn(2)) addTo(bytes, at, random.pick([-1, 1]));
    else if (bytes.length > at + 1) setWord(bytes, at, random.pick(WORDS));
    return bytes;
  },
  function label(bytes, map, random) {
    if (map.labelAts.length === 0) return bytes;
    const at = random.pick(map.labelAts);
    bytes[at] = random.oneIn(2) ? random.pick(BYTES) : (bytes[at] ?? 0) + random.pick([-1, 1]);
    return bytes;
  },
  function questionName(bytes, map, random) {
    const nameBytes = Math.max(map.questionEnd - 4 - 12, 0);
    return splice(bytes, Math.min(12, bytes.length), nameBytes, someName(bytes, map, 12, random));
  },
  function question(bytes, map, random) {
    const at = map.questionEnd - 4;
    if (at < 12) return bytes;
    if (random.oneIn(2)) setWord(bytes, at, random.pick(TYPES));
    else setWord(bytes, at + 2, random.pick(CLASSES));
    return bytes;
  },
  function letterCase(bytes, map, random) {
    for (let at = 12; at < map.questionEnd - 4; at++) {
      const byte = bytes[at] ?? 0;
      if (/[a-z]/i.test(String.fromCharCode(byte)) && random.oneIn(2)) bytes[at] = byte ^ 0x20;
    }
    return bytes;
  },
  function owner(bytes, map, random) {
    const record = anyRecord(map, random);
    if (record === undefined) return bytes;
    return splice(bytes, record.at, record.typeAt - record.at, someName(bytes, map, record.at, random));
  },
  function recordType(bytes, map, random) {
    const record = anyRecord(map, random);
    if (record !== undefined) setWord(bytes, record.typeAt, random.pick(TYPES));
    return bytes;
  },
  function recordClass(bytes, map, random) {
    const record = anyRecord(map, random);
    if (record !== undefined) setWord(bytes, record.typeAt + 2, random.pick(CLASSES));
    return bytes;
  },
  function ttl(bytes, map, random) {
    const record = anyRecord(map, random);
    if (record === undefined) return bytes;
    const value = random.pick(LONGS);
    setWord(bytes, record.typeAt + 4, value >>> 16);
    setWord(bytes, record.typeAt + 6, value & 0xffff);
    return bytes;
  },
  function dataLength(bytes, map, random) {
    const record = anyRecord(map, random);
    if (record === undefined) return bytes;
    const length = wordAt(bytes, record.typeAt + 8);
    setWord(bytes, record.typeAt + 8, (random.oneIn(2) ? random.pick(WORDS) : length + random.pick([-1, 1])) & 0xffff);
    return bytes;
  },
  /** Data grows or shrinks and says so. */
  function data(bytes, map, random) {
    const record = anyRecord(map, random);
    if (record === undefined) return bytes;
    const length = record.end - record.dataAt;
    const at = random.below(length + 1);
    const inserted = random.oneIn(3)
      ? pointer(bytes, map, record.dataAt + at, random)
      : Array.from({ length: random.below(6) }, () => random.pick(BYTES));
    const removed = Math.min(random.below(6), length - at);
    const out = splice(bytes, record.dataAt + at, removed, inserted);
    setWord(out, record.typeAt + 8, length - removed + inserted.length);
    return out;
  },
  /** A name that is its whole data. */
  function nameAsData(bytes, map, random) {
    const record = anyRecord(map, random);
    if (record === undefined) return bytes;
    const name = someName(bytes, map, record.dataAt, random);
    const out = splice(bytes, record.dataAt, record.end - record.dataAt, name);
    setWord(out, record.typeAt, random.pick([2, 5, 12, 39, 7]));
    setWord(out, record.typeAt + 8, name.length);
    return out;
  },
  function repeat(bytes, map, random) {
    const record = anyRecord(map, random);
    if (record === undefined) return bytes;
    const one = bytes.subarray(record.at, record.end);
    const room = Math.floor((MESSAGE_MAX_BYTES - bytes.length) / Math.max(one.length, 1));
    const times = Math.min(random.oneIn(200) ? 4096 : 1 + random.below(random.pick([2, 4, 40])), Math.max(room, 0));
    const copies = new Uint8Array(one.length * times);
    for (let i = 0; i < times; i++) copies.set(one, i * one.length);
    const out = splice(bytes, random.pick([record.end, record.at]), 0, copies);
    addTo(out, record.countAt, times);
    return out;
  },
  function remove(bytes, map, random) {
    const record = anyRecord(map, random);
    if (record === undefined) return bytes;
    const out = splice(bytes, record.at, record.end - record.at, []);
    addTo(out, record.countAt, -1);
    return out;
  },
  function swap(bytes, map, random) {
    const a = anyRecord(map, random);
    const b = anyRecord(map, random);
    if (a === undefined || b === undefined || a.end > b.at) return bytes;
    const between = bytes.subarray(a.end, b.at);
    const turned = [...bytes.subarray(b.at, b.end), ...between, ...bytes.subarray(a.at, a.end)];
    return splice(bytes, a.at, b.end - a.at, turned);
  },
  /** The border between two sections moves by one record. */
  function otherSection(bytes, _map, random) {
    const [from, to] = random.pick([
      [6, 8],
      [8, 6],
      [8, 10],
      [10, 8],
    ] as const);
    if (wordAt(bytes, from) === 0) return bytes;
    addTo(bytes, from, -1);
    addTo(bytes, to, 1);
    return bytes;
  },
  /** A record of another message, with pointers that lead wherever they do now. */
  function borrowed(bytes, map, random, inputs) {
    const other = random.pick(inputs);
    const from = anyRecord(mapMessage(other), random);
    if (from === undefined) return bytes;
    const place = anyRecord(map, random);
    const out = splice(bytes, place?.at ?? map.questionEnd, 0, other.subarray(from.at, from.end));
    addTo(out, place?.countAt ?? random.pick([6, 8, 10]), 1);
    return out;
  },
  function opt(bytes, map, random) {
    const options = Array.from({ length: random.pick([0, 0, 1, 2, 20, 300]) }, () => {
      const length = random.pick([0, 1, 4, 8, 24]);
      return [...wordBytes(random.pick(OPTIONS)), ...wordBytes(length), ...Array<number>(length).fill(7)];
    }).flat();
    const length = random.oneIn(8) ? random.pick(WORDS) : options.length;
    const version = random.oneIn(6) ? 1 : 0;
    const fixed = [...wordBytes(TYPE_OPT), ...wordBytes(random.pick(WORDS)), random.oneIn(6) ? 1 : 0, version];
    const record = [0, ...fixed, random.pick([0, 0x80, 255]), 0, ...wordBytes(length), ...options];
    const after = random.oneIn(2) ? undefined : anyRecord(map, random);
    const out = splice(bytes, after?.end ?? bytes.length, 0, record);
    addTo(out, after?.countAt ?? 10, 1);
    return out;
  },
];

function wordBytes(value: number): [number, number] {
  return [(value >> 8) & 0xff, value & 0xff];
}
