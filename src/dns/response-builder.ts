/** Responses made here: plugins that answer themselves. */
import { FLAG_AA, FLAG_CD, FLAG_QR, FLAG_RA, FLAG_RD, HEADER_BYTES, RCODE_MASK } from "./header.ts";
import { MessageWriter } from "./message-writer.ts";
import { writeRecord } from "./message.ts";
import type { QueryView } from "./query-view.ts";
import type { ResourceRecord } from "./records/record.ts";

export interface RespondOptions {
  /** Sets AA; default false. */
  readonly authoritative?: boolean;
  /** Sets RA; default true. */
  readonly recursionAvailable?: boolean;
  readonly authority?: readonly ResourceRecord[];
  readonly additional?: readonly ResourceRecord[];
}

/**
 * A whole response to a query: its id, RD, CD and question (as spelled by the client), then these records. Names are
 * compressed, also where only the case of letters differs: an owner equal to the question takes the client's spelling.
 * There is no OPT: the edge adds that.
 *
 * @param query the message that `view` was read from, header at 0
 * @param rcode 0 to 15; greater ones need the OPT, only their low four bits are said here
 * @throws {MessageError} when it does not fit 65535 bytes
 */
export function respond(
  query: Uint8Array,
  view: QueryView,
  rcode: number,
  answers: readonly ResourceRecord[] = [],
  options: RespondOptions = {},
): Uint8Array {
  const { authority = [], additional = [] } = options;
  let flags = FLAG_QR | (view.flags & (FLAG_RD | FLAG_CD)) | (rcode & RCODE_MASK);
  if (options.authoritative ?? false) flags |= FLAG_AA;
  if (options.recursionAvailable ?? true) flags |= FLAG_RA;
  const writer = new MessageWriter({ foldCase: true });
  writer.u16(view.id);
  writer.u16(flags);
  writer.u16(view.questionEnd === 0 ? 0 : 1);
  writer.u16(answers.length);
  writer.u16(authority.length);
  writer.u16(additional.length);
  if (view.questionEnd !== 0) {
    writer.name(query.subarray(HEADER_BYTES, HEADER_BYTES + view.nameLength));
    writer.u16(view.qtype);
    writer.u16(view.qclass);
  }
  for (const section of [answers, authority, additional]) {
    for (const record of section) writeRecord(writer, record);
  }
  return writer.finish();
}
