/** The `hosts` directive as written. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError, describeError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import type { Directive, SetupContext, Token } from "../../chain/plugin.ts";
import {
  expectArg,
  expectArgs,
  parseDuration,
  parseInteger,
  parseZones,
  properties,
  zonesOr,
} from "../../corefile/arguments.ts";
import { hostAddress } from "./host-map.ts";

const DEFAULT_FILE = "/etc/hosts";
const DEFAULT_TTL_S = 3600;
const DEFAULT_RELOAD_MS = 5000;

export interface HostsDirective {
  readonly path: string;
  /** Stands for what the file says; "" while it cannot be read. */
  readonly digest: string;
  /** Absolute, lower case. */
  readonly zones: readonly string[];
  /** Entries inside the braces, as the text of a hosts file. */
  readonly inline: string;
  readonly ttlS: number;
  /** Names of addresses are answered too. */
  readonly reverse: boolean;
  /** 0: never again. */
  readonly reloadMs: number;
  /** Names below them that are absent go to the next plugin; none: they are answered SERVFAIL. */
  readonly fallthrough: readonly string[];
  /** Questions for other types than A, AAAA and PTR fall through too, although the name is there. */
  readonly fallthroughUnsupported: boolean;
}

/** @throws ConfigError */
export function readDirective(directive: Directive, context: SetupContext, log: Log): HostsDirective {
  const [file, ...zones] = expectArgs(directive, 0, Number.POSITIVE_INFINITY);
  const path = resolve(context.root, file?.text ?? DEFAULT_FILE);
  if (file !== undefined) checkFile(path, file, log);
  const inline: string[] = [];
  let fallthrough: readonly string[] = [];
  let unsupported: Token | undefined;
  let ttlS = DEFAULT_TTL_S;
  let reverse = true;
  let reloadMs = DEFAULT_RELOAD_MS;
  for (const property of properties(directive)) {
    const { name, args } = property;
    switch (name.text) {
      case "fallthrough":
        fallthrough = args.length === 0 ? ["."] : parseZones(args);
        break;
      case "fallthrough_unsupported":
        expectArgs(property, 0);
        unsupported = name;
        break;
      case "no_reverse":
        expectArgs(property, 0);
        reverse = false;
        break;
      case "ttl":
        ttlS = parseInteger(expectArg(property), 1, 65_535);
        break;
      case "reload":
        reloadMs = parseDuration(expectArg(property));
        break;
      default:
        // An entry, as long as `fallthrough` did not end them.
        if (fallthrough.length > 0) throw new ConfigError(name.position, `unknown property '${name.text}'`);
        if (hostAddress(name.text) === undefined || args.length === 0) {
          const { file: source, line } = name.position;
          log.warning(`${source}:${line}: ignored: neither a property nor an address and its names: ${name.text}`);
        }
        inline.push([name, ...args].map((token) => token.text).join(" "));
    }
  }
  if (unsupported !== undefined && fallthrough.length === 0) {
    throw new ConfigError(unsupported.position, "fallthrough_unsupported requires fallthrough");
  }
  return {
    path,
    digest: digestOf(path),
    zones: zonesOr(zones, context.zones),
    inline: inline.join("\n"),
    ttlS,
    reverse,
    reloadMs,
    fallthrough,
    fallthroughUnsupported: unsupported !== undefined,
  };
}

/** A file that is missing may come later: a warning. One that cannot be looked at is an error. */
function checkFile(path: string, file: Token, log: Log): void {
  try {
    if (statSync(path).isDirectory()) log.warning(`Hosts file "${path}" is a directory`);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) {
      const fact = `unable to access hosts file '${path}': ${describeError(error)}`;
      throw new ConfigError(file.position, fact, { cause: error });
    }
    log.warning(`File does not exist: ${path}`);
  }
}

function digestOf(path: string): string {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    return "";
  }
}
