/** A `forward` directive read into settings: syntax, defaults and limits of CoreDNS 1.14.7. */
import { readFileSync } from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
import { isAbsolute, join } from "node:path";
import { isIpAddress } from "../../../base/address.ts";
import { ConfigError, describeError } from "../../../base/errors.ts";
import { nameFromText, nameToText } from "../../../dns/name-text.ts";
import { lowerCaseName } from "../../../dns/name.ts";
import { RCODE_NOERROR, rcodeNumber } from "../../../dns/types.ts";
import {
  expectArg,
  expectArgs,
  parseDuration,
  parseInteger,
  parseZones,
  properties,
  type Property,
  unknownProperty,
} from "../../corefile/arguments.ts";
import { formatDuration } from "../../corefile/duration.ts";
import type { Directive, Token } from "../../corefile/tree.ts";
import type { TlsSettings } from "../../upstream/dial.ts";
import type { DohMethod } from "../../upstream/doh-client.ts";
import type { PolicyName } from "../../upstream/policy.ts";
import { parseTo, type ToEntry } from "./to-address.ts";

/** Words after FROM at most; a file of addresses is one. */
export const TO_MAX = 15;
const UINT32_MAX = 0xffff_ffff;

/** Times in milliseconds. */
export interface ForwardSettings {
  readonly directive: Directive;
  /** Wire form, lower case. */
  from: Uint8Array;
  to: readonly ToEntry[];
  /** Wire form, lower case. */
  except: Uint8Array[];
  forceTcp: boolean;
  preferUdp: boolean;
  expireMs: number;
  maxAgeMs: number;
  maxIdleConns: number;
  readTimeoutMs: number;
  maxFails: number;
  /** Undefined: twice the number of upstreams. */
  maxConnectAttempts: number | undefined;
  dohMethod: DohMethod;
  tls: Omit<TlsSettings, "serverName">;
  tlsServerName: string | undefined;
  policy: PolicyName;
  probeIntervalMs: number;
  probeRecursion: boolean;
  probeDomain: string;
  /** 0: no bound. */
  maxConcurrent: number;
  nextRcodes: Set<number>;
  nextOnNodata: boolean;
  failoverRcodes: Set<number>;
  failfast: boolean;
  sourceAddress: string | undefined;
  resolvers: string[];
}

/**
 * @param root folder that relative file names start from
 * @param warn takes what the operator should know and that is no error
 * @throws ConfigError
 */
export function parseForward(directive: Directive, root: string, warn: (message: string) => void): ForwardSettings {
  const [fromToken, ...toTokens] = expectArgs(directive, 2, Number.POSITIVE_INFINITY);
  if (fromToken === undefined) throw new Error("expectArgs let a missing word pass");
  const zones = parseZones([fromToken]);
  const [from = "."] = zones;
  if (zones.length > 1) {
    warn(`Unsupported CIDR notation: '${fromToken.text}' expands to multiple zones. Using only '${from}'.`);
  }
  const settings = defaults(directive, from);
  for (const property of properties(directive)) {
    const name = property.name.text;
    const read = (Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined) ?? unknownProperty(property);
    read(settings, property, root);
  }
  const { maxAgeMs, expireMs } = settings;
  if (maxAgeMs > 0 && maxAgeMs < expireMs) {
    throw new ConfigError(
      directive.name.position,
      `max_age (${formatDuration(maxAgeMs)}) must not be less than expire (${formatDuration(expireMs)})`,
    );
  }
  settings.to = toTokens.map((token) => checkedTo(token, root, settings.tlsServerName));
  const configured = settings.to.filter((entry) => entry.kind === "host" || entry.targets.length > 0);
  if (configured.length === 0) throw new ConfigError(directive.name.position, "no valid upstream addresses found");
  if (configured.length > TO_MAX) {
    throw new ConfigError(directive.name.position, `more than ${TO_MAX} TOs configured: ${configured.length}`);
  }
  return settings;
}

function defaults(directive: Directive, from: string): ForwardSettings {
  return {
    directive,
    from: nameFromText(from),
    to: [],
    except: [],
    forceTcp: false,
    preferUdp: false,
    expireMs: 10_000,
    maxAgeMs: 0,
    maxIdleConns: 0,
    readTimeoutMs: 2000,
    maxFails: 2,
    maxConnectAttempts: undefined,
    dohMethod: "POST",
    tls: { ca: undefined, cert: undefined, key: undefined },
    tlsServerName: undefined,
    policy: "random",
    probeIntervalMs: 500,
    probeRecursion: true,
    probeDomain: ".",
    maxConcurrent: 0,
    nextRcodes: new Set(),
    nextOnNodata: false,
    failoverRcodes: new Set(),
    failfast: false,
    sourceAddress: undefined,
    resolvers: [],
  };
}

type ReadOption = (settings: ForwardSettings, property: Property, root: string) => void;

const OPTIONS: Readonly<Record<string, ReadOption>> = {
  except: (settings, property) => {
    const zones = parseZones(expectArgs(property, 1, Number.POSITIVE_INFINITY));
    settings.except.push(...zones.map((zone) => nameFromText(zone)));
  },
  force_tcp: (settings, property) => {
    expectArgs(property, 0);
    settings.forceTcp = true;
  },
  prefer_udp: (settings, property) => {
    expectArgs(property, 0);
    settings.preferUdp = true;
  },
  expire: (settings, property) => {
    settings.expireMs = notNegative(property, duration(property));
  },
  max_age: (settings, property) => {
    settings.maxAgeMs = notNegative(property, duration(property));
  },
  max_idle_conns: (settings, property) => {
    settings.maxIdleConns = notNegative(property, integer(property));
  },
  read_timeout: (settings, property) => {
    settings.readTimeoutMs = duration(property);
    if (settings.readTimeoutMs > 0) return;
    const token = expectArg(property);
    throw new ConfigError(token.position, `read_timeout must be positive: ${token.text}`);
  },
  max_fails: (settings, property) => {
    settings.maxFails = parseInteger(expectArg(property), 0, UINT32_MAX);
  },
  max_connect_attempts: (settings, property) => {
    settings.maxConnectAttempts = parseInteger(expectArg(property), 0, UINT32_MAX);
  },
  doh_method: (settings, property) => {
    const { text, position } = expectArg(property);
    if (text !== "GET" && text !== "POST") throw new ConfigError(position, "doh_method must be either POST or GET");
    settings.dohMethod = text;
  },
  tls: (settings, property, root) => {
    settings.tls = readTls(expectArgs(property, 0, 3), root);
  },
  tls_servername: (settings, property) => {
    settings.tlsServerName = expectArg(property).text;
  },
  policy: (settings, property) => {
    const { text, position } = expectArg(property);
    if (text !== "random" && text !== "round_robin" && text !== "sequential") {
      throw new ConfigError(position, `unknown policy '${text}'`);
    }
    settings.policy = text;
  },
  health_check: readHealthCheck,
  max_concurrent: (settings, property) => {
    settings.maxConcurrent = notNegative(property, integer(property));
  },
  next: (settings, property) => {
    for (const token of expectArgs(property, 1, Number.POSITIVE_INFINITY)) settings.nextRcodes.add(rcode(token));
  },
  next_on_nodata: (settings, property) => {
    expectArgs(property, 0);
    settings.nextOnNodata = true;
  },
  failover: (settings, property) => {
    for (const token of expectArgs(property, 1, Number.POSITIVE_INFINITY)) {
      const code = rcode(token);
      if (code === RCODE_NOERROR) throw new ConfigError(token.position, "NoError cannot be used in failover");
      settings.failoverRcodes.add(code);
    }
  },
  failfast_all_unhealthy_upstreams: (settings, property) => {
    expectArgs(property, 0);
    settings.failfast = true;
  },
  source_address: (settings, property) => {
    const { text, position } = expectArg(property);
    if (!isIpAddress(text)) throw new ConfigError(position, `invalid IP address: ${text}`);
    settings.sourceAddress = text.replace(/^::ffff:(?=[0-9.]+$)/i, "");
  },
  resolver: (settings, property) => {
    const servers = expectArgs(property, 1, Number.POSITIVE_INFINITY);
    settings.resolvers = servers.map((token) => resolverAddress(token));
  },
};

function readHealthCheck(settings: ForwardSettings, property: Property): void {
  const [interval, ...options] = expectArgs(property, 1, Number.POSITIVE_INFINITY);
  if (interval === undefined) throw new Error("expectArgs let a missing word pass");
  settings.probeIntervalMs = notNegative(property, parseDuration(interval, Number.NEGATIVE_INFINITY));
  settings.probeDomain = ".";
  for (let at = 0; at < options.length; at++) {
    const option = options[at];
    if (option?.text === "no_rec") {
      settings.probeRecursion = false;
    } else if (option?.text === "domain") {
      const name = options[++at];
      if (name === undefined) {
        throw new ConfigError(option.position, "Wrong argument count or unexpected line ending after 'domain'");
      }
      settings.probeDomain = probeDomain(name);
    } else if (option !== undefined) {
      throw new ConfigError(option.position, `health_check: unknown option ${option.text}`);
    }
  }
}

function probeDomain(token: Token): string {
  try {
    const name = nameFromText(token.text);
    lowerCaseName(name, 0, name.length);
    return nameToText(name, 0);
  } catch (error) {
    throw new ConfigError(token.position, `health_check: invalid domain name ${token.text}`, { cause: error });
  }
}

function checkedTo(token: Token, root: string, tlsServerName: string | undefined): ToEntry {
  const entry = parseTo(token, root);
  const own = entry.kind === "host" ? entry.serverName : entry.targets[0]?.serverName;
  if (own === undefined || tlsServerName === undefined) return entry;
  throw new ConfigError(
    token.position,
    `both forward ('${tlsServerName}') and proxy level ('${own}') TLS servernames are set for upstream proxy '${token.text}'`,
  );
}

/** @param args nothing; CA; CERT KEY; or CERT KEY CA */
function readTls(args: readonly Token[], root: string): Omit<TlsSettings, "serverName"> {
  const [first, second, third] = args;
  const read = (token: Token | undefined): string | undefined => token && readPem(token, root);
  const files =
    second === undefined
      ? { ca: read(first), cert: undefined, key: undefined }
      : { cert: read(first), key: read(second), ca: read(third) };
  if (first === undefined) return files;
  const { cert, key, ca } = files;
  try {
    process.getBuiltinModule("node:tls").createSecureContext({
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(ca === undefined ? {} : { ca }),
    });
  } catch (error) {
    throw new ConfigError(first.position, `could not load TLS cert: ${describeError(error)}`, { cause: error });
  }
  return files;
}

function readPem(token: Token, root: string): string {
  const path = isAbsolute(token.text) ? token.text : join(root, token.text);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(token.position, `error reading ${path}: ${describeError(error)}`, { cause: error });
  }
  if (!text.includes("-----BEGIN ")) throw new ConfigError(token.position, `no PEM data in ${path}`);
  return text;
}

function resolverAddress(token: Token): string {
  const { text } = token;
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([0-9.]+))(?::[0-9]{1,5})?$/.exec(text) ?? [];
  if (isIPv6(text)) return `[${text}]`;
  if (isIPv6(bracketed ?? "") || isIPv4(plain ?? "")) return text;
  throw new ConfigError(token.position, `resolver must be an IP address or IP:port: "${text}"`);
}

function duration(property: Property): number {
  return parseDuration(expectArg(property), Number.NEGATIVE_INFINITY);
}

function integer(property: Property): number {
  return parseInteger(expectArg(property), Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

function notNegative(property: Property, value: number): number {
  if (value >= 0) return value;
  const [token = property.name] = property.args;
  throw new ConfigError(token.position, `${property.name.text} can't be negative: ${token.text}`);
}

function rcode(token: Token): number {
  const code = rcodeNumber(token.text);
  if (code === undefined) throw new ConfigError(token.position, `${token.text} is not a valid rcode`);
  return code;
}
