/**
 * Formats of log lines: text with placeholders in braces.
 *
 * A format is cut into its parts once; a line is made by joining what each part says of one query and its answer.
 * What is no placeholder stays as it is, braces and all.
 */
import {
  FLAGS_AT,
  FLAG_AA,
  FLAG_AD,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  FLAG_Z,
} from "../../../dns/header.ts";
import { RCODE_MASK, readU16 } from "../../../dns/header.ts";
import { OPT_BYTES } from "../../../dns/edns.ts";
import { rcodeName } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import { replyFlags } from "../../chain/finish-reply.ts";
import { EMPTY, metadataLabel, partsOf, QUERY_PLACEHOLDERS } from "../../chain/placeholders.ts";
import type { Query } from "../../chain/query.ts";
import type { ResponseClass, ResponseType } from "./response-type.ts";

/** What a line may tell. */
export interface Logged {
  readonly query: Query;
  readonly answer: Answer;
  readonly type: ResponseType;
  readonly class: ResponseClass;
  /** Milliseconds from reading the query to having its answer. */
  readonly durationMs: number;
}

export type LineFormat = (logged: Logged) => string;

export const COMMON_FORMAT =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
export const COMBINED_FORMAT: string = `${COMMON_FORMAT} "{>opcode}"`;

const PLACEHOLDERS: ReadonlyMap<string, LineFormat> = new Map<string, LineFormat>([
  ["{rcode}", ({ answer }) => (answer.dropped === true ? EMPTY : rcodeName(flagsOf(answer) & RCODE_MASK))],
  ["{rsize}", ({ query, answer }) => String(answer.dropped === true ? 0 : replySize(query, answer))],
  ["{duration}", ({ durationMs }) => `${seconds(durationMs)}s`],
  ["{>rflags}", ({ query, answer }) => (answer.dropped === true ? EMPTY : flagNames(replyFlags(query, answer)))],
  ["{/log/class}", (logged) => logged.class],
  ["{/log/type}", (logged) => logged.type],
]);

/** @param format with `{common}` and `{combined}` for whole formats */
export function lineFormat(format: string): LineFormat {
  const text = format.replaceAll("{common}", COMMON_FORMAT).replaceAll("{combined}", COMBINED_FORMAT);
  const parts = partsOf(text).map((part): LineFormat => {
    const ofQuery = QUERY_PLACEHOLDERS.get(part);
    if (ofQuery !== undefined) return ({ query }) => ofQuery(query);
    const placeholder = PLACEHOLDERS.get(part);
    if (placeholder !== undefined) return placeholder;
    const label = metadataLabel(part);
    if (label === undefined) return () => part;
    return ({ query }) => {
      const value = query.metadata?.get(label) ?? "";
      return value === "" ? EMPTY : value;
    };
  });
  return (logged) => parts.map((part) => part(logged)).join("");
}

function flagsOf(answer: Answer): number {
  return readU16(answer.wire, FLAGS_AT);
}

/** As it will be sent, but for what truncation takes away: our OPT is added to what the client's query had one for. */
function replySize(query: Query, answer: Answer): number {
  return answer.wire.length + (query.view.hasOpt ? OPT_BYTES : 0);
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [FLAG_QR, "qr"],
  [FLAG_AA, "aa"],
  [FLAG_TC, "tc"],
  [FLAG_RD, "rd"],
  [FLAG_RA, "ra"],
  [FLAG_Z, "z"],
  [FLAG_AD, "ad"],
  [FLAG_CD, "cd"],
];

function flagNames(flags: number): string {
  return FLAG_NAMES.filter(([flag]) => (flags & flag) !== 0)
    .map(([, name]) => name)
    .join(",");
}

/** To the nanosecond, without exponent and without zeros at the end: `0.000000125`. */
function seconds(ms: number): string {
  return (ms / 1000).toFixed(9).replace(/\.?0+$/, "");
}
