/** What a command line of `node-cache` asks for. */
import { standardLog } from "../../base/log.ts";
import { packageVersion } from "../version.ts";
import { FLAGS, type NodeCacheSettings, settingsOf } from "./flags.ts";
import { parseGoFlags } from "./go-flags.ts";

export type CommandLine =
  | { readonly kind: "run"; readonly settings: NodeCacheSettings }
  | { readonly kind: "version" | "plugins" }
  /** `message` and, with `usage`, that go to standard error. */
  | { readonly kind: "exit"; readonly code: number; readonly message: string; readonly usage: boolean };

/** @param quiet somebody else has logged already what this logs: which files are used */
export function readCommandLine(words: readonly string[], { quiet }: { readonly quiet: boolean }): CommandLine {
  const log = standardLog();
  if (!quiet) log.info(`Starting node-cache image: ${packageVersion()}`);
  const parsed = parseGoFlags(FLAGS, words);
  if (parsed.kind === "help") return { kind: "exit", code: 0, message: "", usage: true };
  if (parsed.kind === "mistake") return { kind: "exit", code: 2, message: `${parsed.message}\n`, usage: true };
  const settings = settingsOf(parsed.values);
  if (parsed.values.version) return { kind: "version" };
  if (parsed.values.plugins) return { kind: "plugins" };
  if (typeof settings === "string") {
    const message = `[FATAL] Error parsing flags - ${settings}, Exiting\n`;
    return { kind: "exit", code: 1, message, usage: false };
  }
  if (!quiet) {
    log.info(`Using Corefile ${settings.corefilePath}`);
    log.info(`Using Pidfile ${settings.pidfile}`);
  }
  if (parsed.rest.length > 0) {
    const message = `extra command line arguments: [${parsed.rest.join(" ")}]\n`;
    return { kind: "exit", code: 1, message, usage: false };
  }
  return { kind: "run", settings };
}
