/**
 * Whole messages as objects (RFC 1035 §4), for the cold path: tests, plugins that look into answers, tools.
 *
 * Accepts what `scanResponse` accepts (and more than one question), and refuses what that refuses. The OPT record is
 * not among the additional records: it is `edns`, and its share of the response code is in `rcode`.
 */
import { copyBytes } from "./copy-bytes.ts";
import { EDNS_FLAG_DO, OPT_RCODE_AT, OPT_SIZE_AT } from "./edns.ts";
import {
  ANCOUNT_AT,
  ARCOUNT_AT,
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  FLAG_Z,
  FLAGS_AT,
  HEADER_BYTES,
  ID_AT,
  NSCOUNT_AT,
  OPCODE_MASK,
  OPCODE_SHIFT,
  QDCOUNT_AT,
  RCODE_MASK,
  readU16,
  readU32,
} from "./header.ts";
import { MessageError } from "./message-error.ts";
import { MessageWriter } from "./message-writer.ts";
import { checkName, expandName, NAME_MAX_BYTES } from "./name.ts";
import { decodeData, encodeData, type ResourceRecord } from "./records/record.ts";
import { ERR_LABORIOUS, ERR_POINTER } from "./parse-codes.ts";
import { RECORDS_MAX, ResponseScan, scanResponse } from "./response-scan.ts";
import { TYPE_OPT } from "./types.ts";

/** Every bit of the flags word but opcode and response code. */
const FLAG_BITS = FLAG_QR | FLAG_AA | FLAG_TC | FLAG_RD | FLAG_RA | FLAG_Z | FLAG_AD | FLAG_CD;
const RECORD_MIN_BYTES = 11;
const QUESTION_MIN_BYTES = 5;
/** For one look at a message, before it is taken apart. */
const scan = new ResponseScan();

export interface Question {
  /** Uncompressed wire form. */
  readonly name: Uint8Array;
  readonly type: number;
  readonly class: number;
}

export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface Edns {
  /** Bytes of UDP payload that the sender takes. */
  readonly udpSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

export interface Message {
  readonly id: number;
  /** `FLAG_…` bits. */
  readonly flags: number;
  readonly opcode: number;
  /** 0 to 4095; from 16 up only with `edns`. */
  readonly rcode: number;
  readonly question: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  /** Without the OPT. */
  readonly additional: readonly ResourceRecord[];
  readonly edns?: Edns;
}

/**
 * @param bytes one message, header at 0; bytes after the last record are ignored. Nothing in the result shares memory
 *   with it
 * @throws {MessageError} for a message that is not whole or breaks a rule
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length < HEADER_BYTES) throw new MessageError("a message is shorter than its header");
  const flags = readU16(bytes, FLAGS_AT);
  const questions = readU16(bytes, QDCOUNT_AT);
  const answers = readU16(bytes, ANCOUNT_AT);
  const authority = readU16(bytes, NSCOUNT_AT);
  const additional = readU16(bytes, ARCOUNT_AT);
  const cursor = { at: HEADER_BYTES };
  if (questions * QUESTION_MIN_BYTES > bytes.length - cursor.at) throw new MessageError("more questions than bytes");
  const question = Array.from({ length: questions }, () => decodeQuestion(bytes, cursor));
  const records = answers + authority + additional;
  if (records > RECORDS_MAX || records * RECORD_MIN_BYTES > bytes.length - cursor.at) {
    throw new MessageError("more records than the message can hold");
  }
  const code = questions > 1 ? 0 : scanResponse(bytes, 0, bytes.length, scan);
  if (code === ERR_LABORIOUS) throw new MessageError("names take too many steps to read");
  if (code === ERR_POINTER) throw new MessageError("a name is malformed");
  const found: { edns?: Edns; rcodeHigh: number } = { rcodeHigh: 0 };
  const section = (count: number, last: boolean): ResourceRecord[] => {
    const list: ResourceRecord[] = [];
    for (let i = 0; i < count; i++) {
      const head = decodeRecordHead(bytes, cursor);
      if (head.type !== TYPE_OPT) {
        const { name, type, dnsClass, ttl, dataAt, dataEnd } = head;
        list.push({ name, type, class: dnsClass, ttl, data: decodeData(bytes, dataAt, dataEnd, type, dnsClass) });
        continue;
      }
      if (!last || found.edns !== undefined || bytes[head.at] !== 0) throw new MessageError("an OPT out of place");
      found.edns = decodeEdns(bytes, head);
      found.rcodeHigh = bytes[head.at + OPT_RCODE_AT] ?? 0;
    }
    return list;
  };
  return {
    id: readU16(bytes, ID_AT),
    flags: flags & FLAG_BITS,
    opcode: (flags & OPCODE_MASK) >> OPCODE_SHIFT,
    question,
    answers: section(answers, false),
    authority: section(authority, false),
    additional: section(additional, true),
    rcode: (found.rcodeHigh << 4) | (flags & RCODE_MASK),
    ...(found.edns === undefined ? {} : { edns: found.edns }),
  };
}

interface Cursor {
  at: number;
}

function decodeName(bytes: Uint8Array, cursor: Cursor): Uint8Array {
  const out = new Uint8Array(NAME_MAX_BYTES);
  const length = expandName(bytes, 0, cursor.at, bytes.length, out, 0);
  if (length < 0) throw new MessageError("a name is malformed");
  cursor.at = checkName(bytes, 0, cursor.at, bytes.length);
  return out.slice(0, length);
}

function decodeQuestion(bytes: Uint8Array, cursor: Cursor): Question {
  const name = decodeName(bytes, cursor);
  if (cursor.at + 4 > bytes.length) throw new MessageError("a question ends too early");
  const question = { name, type: readU16(bytes, cursor.at), class: readU16(bytes, cursor.at + 2) };
  cursor.at += 4;
  return question;
}

interface RecordHead {
  readonly at: number;
  readonly name: Uint8Array;
  readonly type: number;
  readonly dnsClass: number;
  readonly ttl: number;
  readonly dataAt: number;
  readonly dataEnd: number;
}

/** Reads all but the data and moves the cursor after that. */
function decodeRecordHead(bytes: Uint8Array, cursor: Cursor): RecordHead {
  const at = cursor.at;
  const name = decodeName(bytes, cursor);
  const fixedAt = cursor.at;
  const dataAt = fixedAt + 10;
  const dataEnd = dataAt + readU16(bytes, fixedAt + 8);
  if (dataAt > bytes.length || dataEnd > bytes.length) throw new MessageError("a record ends too early");
  cursor.at = dataEnd;
  return {
    at,
    name,
    type: readU16(bytes, fixedAt),
    dnsClass: readU16(bytes, fixedAt + 2),
    ttl: readU32(bytes, fixedAt + 4),
    dataAt,
    dataEnd,
  };
}

/** An option that overruns the OPT, and what follows it, is left out: the answer is good without. */
function decodeEdns(bytes: Uint8Array, head: RecordHead): Edns {
  const options: EdnsOption[] = [];
  let at = head.dataAt;
  while (at + 4 <= head.dataEnd) {
    const end = at + 4 + readU16(bytes, at + 2);
    if (end > head.dataEnd) break;
    options.push({ code: readU16(bytes, at), data: copyBytes(bytes, at + 4, end) });
    at = end;
  }
  return {
    udpSize: readU16(bytes, head.at + OPT_SIZE_AT),
    version: (head.ttl >>> 16) & 0xff,
    dnssecOk: (head.ttl & EDNS_FLAG_DO) !== 0,
    options,
  };
}

export interface EncodeOptions {
  /** Compress names; default true. */
  readonly compress?: boolean;
}

/** @returns a new array @throws {MessageError} for a message that does not fit its form or 65535 bytes */
export function encodeMessage(message: Message, options: EncodeOptions = {}): Uint8Array {
  const { edns } = message;
  if (message.rcode > RCODE_MASK && edns === undefined) {
    throw new MessageError(`response code ${message.rcode} needs EDNS`);
  }
  const writer = new MessageWriter(options);
  writer.u16(message.id);
  writer.u16((message.flags & FLAG_BITS) | (message.opcode << OPCODE_SHIFT) | (message.rcode & RCODE_MASK));
  writer.u16(message.question.length);
  writer.u16(message.answers.length);
  writer.u16(message.authority.length);
  writer.u16(message.additional.length + (edns === undefined ? 0 : 1));
  for (const question of message.question) {
    writer.name(question.name);
    writer.u16(question.type);
    writer.u16(question.class);
  }
  for (const record of message.answers) writeRecord(writer, record);
  for (const record of message.authority) writeRecord(writer, record);
  for (const record of message.additional) writeRecord(writer, record);
  if (edns !== undefined) writeEdns(writer, edns, message.rcode >> 4);
  return writer.finish();
}

/** Writes one record at the writer's end. */
export function writeRecord(writer: MessageWriter, record: ResourceRecord): void {
  writer.name(record.name);
  writer.u16(record.type);
  writer.u16(record.class);
  writer.u32(record.ttl);
  writer.sized(() => encodeData(record.data, writer, record.type));
}

function writeEdns(writer: MessageWriter, edns: Edns, rcodeHigh: number): void {
  writer.u8(0);
  writer.u16(TYPE_OPT);
  writer.u16(edns.udpSize);
  writer.u8(rcodeHigh);
  writer.u8(edns.version);
  writer.u16(edns.dnssecOk ? EDNS_FLAG_DO : 0);
  writer.sized(() => {
    for (const { code, data } of edns.options) {
      writer.u16(code);
      writer.u16(data.length);
      writer.bytes(data);
    }
  });
}
