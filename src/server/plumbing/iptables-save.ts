/** Reads what `iptables-save` prints, as far as rules of node-cache's form go (pure). */
import { addressBytes, formatAddressBytes } from "../../base/address.ts";
import type { IptablesRule, IptablesTable } from "./iptables-rules.ts";

export interface SavedRule {
  /** Chain and arguments as printed, what `-D` takes: `PREROUTING -d 169.254.20.10/32 -p udp …`. */
  readonly specification: string;
  /** undefined for a rule of another form. */
  readonly rule: IptablesRule | undefined;
}

export interface SavedTable {
  readonly rules: readonly SavedRule[];
  /** Whether something is in it: a rule, a chain of somebody's, or a policy that does not accept. */
  readonly used: boolean;
}

const CHAINS: ReadonlySet<string> = new Set(["PREROUTING", "INPUT", "OUTPUT"]);

/** @param text of one table (`-t`), or of several: then those of `table` are taken */
export function parseSave(text: string, table: IptablesTable): SavedTable {
  const rules: SavedRule[] = [];
  let inside = false;
  let used = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) inside = line.trim() === `*${table}`;
    if (!inside) continue;
    if (line.startsWith("-A ")) {
      const specification = line.slice("-A ".length).trim();
      rules.push({ specification, rule: parseRule(table, specification) });
      used = true;
    } else if (/^:\S+ (?:DROP|-)/.test(line)) {
      used = true;
    }
  }
  return { rules, used };
}

/** Options that say nothing beyond others that are there. */
const IMPLIED_MATCHES: ReadonlySet<string> = new Set(["tcp", "udp", "comment"]);

function parseRule(table: IptablesTable, specification: string): IptablesRule | undefined {
  const [chain = "", ...words] = splitWords(specification);
  if (!CHAINS.has(chain)) return undefined;
  const found: Record<string, string> = {};
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--notrack" && found["target"] === "CT") {
      found["target"] = "NOTRACK";
      continue;
    }
    const value = words[++at] ?? "";
    const name = OPTIONS[word];
    if (name === undefined) return undefined;
    if (name === "match" && IMPLIED_MATCHES.has(value)) continue;
    if (name === "match" || found[name] !== undefined) return undefined;
    found[name] = value;
  }
  return ruleOf(table, chain as IptablesRule["chain"], found);
}

const OPTIONS: Readonly<Record<string, string>> = {
  "-p": "protocol",
  "-s": "sourceAddress",
  "-d": "destinationAddress",
  "--sport": "sourcePort",
  "--dport": "destinationPort",
  "-j": "target",
  "-m": "match",
  "--comment": "comment",
};

function ruleOf(
  table: IptablesTable,
  chain: IptablesRule["chain"],
  found: Readonly<Record<string, string>>,
): IptablesRule | undefined {
  const { protocol, target } = found;
  const end = found["destinationAddress"] === undefined ? "source" : "destination";
  const other = end === "source" ? "destination" : "source";
  if (found[`${other}Address`] !== undefined || found[`${other}Port`] !== undefined) return undefined;
  const address = hostAddress(found[`${end}Address`] ?? "");
  const port = Number(found[`${end}Port`]);
  if (address === undefined || !Number.isInteger(port)) return undefined;
  if (protocol !== "tcp" && protocol !== "udp") return undefined;
  if (target !== "NOTRACK" && target !== "ACCEPT") return undefined;
  return { table, chain, protocol, end, address, port, target, comment: found["comment"] ?? "" };
}

/** `169.254.20.10/32`, `fd00::10/128`, or without. @returns undefined for a network */
function hostAddress(text: string): string | undefined {
  const [address = "", bits] = text.split("/", 2);
  const bytes = addressBytes(address);
  if (bytes === undefined || (bits !== undefined && Number(bits) !== bytes.length * 8)) return undefined;
  return formatAddressBytes(bytes, 0, bytes.length === 4 ? 4 : 16);
}

/** As iptables-restore does: words, and words in double quotes with a backslash before what is meant literally. */
function splitWords(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? "") : quoted.replaceAll(/\\(.)/g, "$1"),
  );
}
