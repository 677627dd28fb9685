/**
 * The record tables of the Kubernetes DNS specification 1.1 as data, with CoreDNS's options: `records.txt`.
 *
 *   ? NAME TYPE
 *   = RCODE RECORD; RECORD      the answer section; a record without owner has the name that was asked for
 *   + RECORD; RECORD            the additional section
 *
 * An answer without records must have the zone's SOA in its authority section.
 */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import type { RawObject } from "../../support/api-server.ts";

export interface RecordCase {
  readonly section: string;
  readonly name: string;
  readonly type: string;
  readonly rcode: string;
  /** `www.example.com. 60 A 192.0.2.1`, sorted. */
  readonly answers: readonly string[];
  readonly additional: readonly string[];
}

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
export const MANIFESTS: string = `${FOLDER}cluster.yaml`;

export function recordCases(): RecordCase[] {
  const cases: RecordCase[] = [];
  for (const [title = "", body = ""] of [
    ...readFileSync(`${FOLDER}records.txt`, "utf8").matchAll(/^== (.+)\n((?:(?!== ).*\n?)*)/gm),
  ].map((match) => match.slice(1))) {
    for (const [, name = "", type = "", rcode = "", answers, additional] of body.matchAll(
      /^\? (\S+) (\S+)\n= ([A-Z]+)(?: (.+))?\n?(?:^\+ (.+)$)?/gm,
    )) {
      cases.push({
        section: title,
        name,
        type,
        rcode,
        answers: records(answers)
          .map((record) => (/^\d/.test(record) ? `${name} ${record}` : record))
          .sort(),
        additional: records(additional).sort(),
      });
    }
  }
  return cases;
}

/** @param source where the objects come from, as a line of the `kubernetes` block @param port of the server */
export function corefile(source: string, upstreamPort: number, port: number): string {
  return readFileSync(`${FOLDER}Corefile`, "utf8")
    .replaceAll(/^\S.* \{$/gm, (line) => line.replaceAll(/[^ {]+/g, (key) => `${key}:${port}`))
    .replaceAll("SOURCE", source)
    .replaceAll("UPSTREAM", String(upstreamPort));
}

/** The objects of `cluster.yaml`. */
export function clusterObjects(): (RawObject & { readonly kind: string })[] {
  return parseAllDocuments(readFileSync(MANIFESTS, "utf8")).map(
    (document) => document.toJS() as RawObject & { readonly kind: string },
  );
}

function records(text: string | undefined): string[] {
  return text === undefined ? [] : text.split("; ");
}

/** For the test that all of them are read. */
export function questionCount(): number {
  return globSync(`${FOLDER}records.txt`).flatMap((file) => readFileSync(file, "utf8").match(/^\?/gm) ?? []).length;
}
