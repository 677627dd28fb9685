/**
 * The iptables programs of this machine: which there are, and which of its two kernel interfaces the node uses.
 *
 * Rules of the two are not the same rules, and those of one are not seen by the other's programs. kube-proxy, kubelet and
 * node-cache (through iptables-wrappers) choose one; we choose alike, and look for leftovers in both.
 */
import { existsSync, readFileSync } from "node:fs";
import { findProgram, runProgram } from "../../linux/run-program.ts";
import type { IptablesTable } from "./iptables-rules.ts";
import { type SavedTable, parseSave } from "./iptables-save.ts";
import { PlumbingFailure } from "./plumbing-error.ts";
import type { Family } from "./wanted.ts";

/** node-cache's: the lock is waited for this long. */
const LOCK_WAIT_S = 5;
/** A table of a large cluster is long; a program that hangs must not hang us. */
const PROGRAM_TIMEOUT_MS = 20_000;
const EMPTY: SavedTable = { rules: [], used: false };

export type IptablesVariant = "nft" | "legacy";

export interface IptablesTool {
  readonly family: Family;
  readonly variant: IptablesVariant;
  readonly save: string;
  readonly restore: string;
}

export interface IptablesTools {
  /** Where the node's other rules are, by family; empty where there is no iptables. */
  readonly chosen: readonly IptablesTool[];
  readonly all: readonly IptablesTool[];
}

/** Lines of a saved chain that kubelet makes, newer and older. */
const KUBELET_CHAIN = /^:(?:KUBE-IPTABLES-HINT|KUBE-KUBELET-CANARY)\b/m;

/** Looks for the programs, and decides as iptables-wrappers does: kubelet's chains first, then which has more rules. */
export async function findIptables(): Promise<IptablesTools> {
  const all = (["ip", "ip6"] as const).flatMap((family) => toolsOf(family));
  const variants = [...new Set(all.map((tool) => tool.variant))];
  const [only] = variants;
  if (variants.length < 2) return { chosen: only === undefined ? [] : all, all };
  const nft = await everything(all, "nft", "-t mangle");
  const chosen = (variant: IptablesVariant): IptablesTools => ({
    chosen: all.filter((tool) => tool.variant === variant),
    all,
  });
  if (KUBELET_CHAIN.test(nft)) return chosen("nft");
  const legacy = await everything(all, "legacy");
  if (KUBELET_CHAIN.test(legacy)) return chosen("legacy");
  const rules = (text: string): number => text.split("\n").filter((line) => line.startsWith("-")).length;
  return chosen(rules(legacy) > rules(await everything(all, "nft")) ? "legacy" : "nft");
}

function toolsOf(family: Family): IptablesTool[] {
  const prefix = family === "ip" ? "iptables" : "ip6tables";
  const tools = (["nft", "legacy"] as const).flatMap((variant) => tool(family, variant, `${prefix}-${variant}`));
  // Old, or cut down: one variant, under the plain name. Which one does not matter then.
  return tools.length > 0 ? tools : tool(family, "legacy", prefix);
}

function tool(family: Family, variant: IptablesVariant, prefix: string): IptablesTool[] {
  const save = findProgram(`${prefix}-save`);
  const restore = findProgram(`${prefix}-restore`);
  return save === undefined || restore === undefined ? [] : [{ family, variant, save, restore }];
}

async function everything(all: readonly IptablesTool[], variant: IptablesVariant, args = ""): Promise<string> {
  const tools = all.filter((each) => each.variant === variant);
  const texts = tools.map((each) => runProgram(each.save, args === "" ? [] : args.split(" "), "", PROGRAM_TIMEOUT_MS));
  return (await Promise.all(texts)).map(({ stdout }) => stdout).join("\n");
}

/**
 * @param asked whether the table is to be made where the kernel has none yet; otherwise that is an empty one
 * @throws PlumbingFailure
 */
export async function readTable(tool: IptablesTool, table: IptablesTable, asked: boolean): Promise<SavedTable> {
  if (!asked && tool.variant === "legacy" && !isLegacyTable(tool.family, table)) return EMPTY;
  const { code, stdout, stderr } = await runProgram(tool.save, ["-t", table], "", PROGRAM_TIMEOUT_MS);
  if (code !== 0) throw failureOf(tool.save, stderr);
  return parseSave(stdout, table);
}

/** Asking for a legacy table makes it, and from then on every packet goes through it. */
function isLegacyTable(family: Family, table: IptablesTable): boolean {
  const names = `/proc/net/${family === "ip" ? "ip" : "ip6"}_tables_names`;
  try {
    return existsSync(names) && readFileSync(names, "utf8").split("\n").includes(table);
  } catch {
    // Not for us to read: asking says why.
    return true;
  }
}

export function restoreCommand(tool: IptablesTool): readonly [program: string, ...args: string[]] {
  return [tool.restore, "--noflush", "-w", String(LOCK_WAIT_S)];
}

/** Changes a table, or leaves it as it is. @throws PlumbingFailure */
export async function restore(tool: IptablesTool, input: string): Promise<void> {
  const [program, ...args] = restoreCommand(tool);
  const { code, stderr } = await runProgram(program, args, input, PROGRAM_TIMEOUT_MS);
  if (code !== 0) throw failureOf(program, stderr);
}

function failureOf(program: string, stderr: string): PlumbingFailure {
  const name = program.slice(program.lastIndexOf("/") + 1);
  const line =
    stderr.split("\n").find((each) => each.trim() !== "" && !each.startsWith("#")) ?? "failed without a word";
  if (/holding the xtables lock/.test(stderr)) {
    return new PlumbingFailure(
      "iptables_lock",
      `${name}: another program has held the xtables lock for ${LOCK_WAIT_S} s`,
    );
  }
  if (/lock file/.test(stderr)) {
    return new PlumbingFailure("iptables_lock", `${name}: ${line.trim()}. Mount /run/xtables.lock of the node`);
  }
  if (/you must be root|unable to initialize|Permission denied|Operation not permitted/.test(stderr)) {
    // The older of the two speaks to the kernel through a raw socket.
    const capabilities = name.includes("-legacy") ? "capabilities NET_ADMIN and NET_RAW" : "capability NET_ADMIN";
    return new PlumbingFailure("iptables", `${name}: not permitted: it needs the ${capabilities}`);
  }
  return new PlumbingFailure("iptables", `${name}: ${line.trim()}`);
}
