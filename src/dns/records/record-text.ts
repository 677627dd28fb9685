/**
 * Records as lines of a zone file (RFC 1035 §5.1): owner, TTL, class, type, data.
 */
import { nameToText } from "../name-text.ts";
import { CLASS_IN, className, classNumber, TYPE_OPT, typeName, typeNumber } from "../types.ts";
import { GENERIC_MARK, opaqueCodec } from "./opaque.ts";
import { codecOf, dataToText, decodeData, type RecordData, type ResourceRecord } from "./record.ts";
import { RecordTextError, TextWords } from "./text-words.ts";
import { MessageError } from "../message-error.ts";
import { isTtlText, ttlFromText } from "./ttl-text.ts";

const ROOT = new Uint8Array(1);
/** What a record without a TTL gets when the caller says nothing: CoreDNS's value. */
const TTL_DEFAULT_S = 3600;

/** `www.example.org. 300 IN A 192.0.2.1`, with tabs between the fields. */
export function recordToText(record: ResourceRecord): string {
  const { name, ttl, type, data } = record;
  return [nameToText(name), ttl, className(record.class), typeName(type), dataToText(data)].join("\t");
}

/**
 * Reads one record. TTL and class may be missing, in either order.
 *
 * @param origin wire form of what names without a final dot are relative to; the root when absent
 * @param defaultTtl seconds, when the text has no TTL; 3600 when absent
 * @throws {RecordTextError} for anything that is not one whole record
 */
export function recordFromText(
  text: string,
  origin: Uint8Array = ROOT,
  defaultTtl: number = TTL_DEFAULT_S,
): ResourceRecord {
  const words = new TextWords(text, origin);
  const name = words.name("owner");
  let ttl: number | undefined;
  let dnsClass: number | undefined;
  for (;;) {
    const word = words.word("type");
    if (ttl === undefined && isTtlText(word)) {
      ttl = ttlFromText(word);
      continue;
    }
    const classHere = dnsClass === undefined ? classNumber(word) : undefined;
    // ANY is a class and a type; as a type it has no records.
    if (classHere !== undefined) {
      dnsClass = classHere;
      continue;
    }
    const type = typeNumber(word);
    if (type === undefined || type === TYPE_OPT) throw new RecordTextError(`${JSON.stringify(word)} is no record type`);
    const data = dataFromText(words, type, dnsClass ?? CLASS_IN);
    return { name, type, class: dnsClass ?? CLASS_IN, ttl: ttl ?? defaultTtl, data };
  }
}

/** Reads the data of a record of that type, in its own form or the generic one, up to the last word. */
export function dataFromText(words: TextWords, type: number, dnsClass: number): RecordData {
  const generic = words.peek() === GENERIC_MARK;
  const data = generic ? opaqueCodec.fromText(words) : codecOf(type, dnsClass).fromText(words);
  if (words.left > 0) throw new RecordTextError(`${JSON.stringify(words.word("end"))} after the record's data`);
  if (data.kind !== "opaque") return data;
  try {
    // RFC 3597 §5: the generic form of a known type means the same as its own form.
    return decodeData(data.bytes, 0, data.bytes.length, type, dnsClass);
  } catch (cause) {
    if (cause instanceof MessageError) throw new RecordTextError(cause.message, { cause });
    throw cause;
  }
}
