/** `rewrite edns0`: EDNS options of the question, for the plugins below and for the upstream. */
import { addressBytes } from "../../../base/address.ts";
import { ConfigError } from "../../../base/errors.ts";
import { OPTION_CLIENT_SUBNET, OPTION_NSID } from "../../../dns/edns.ts";
import type { Token } from "../../chain/plugin.ts";
import type { Draft } from "./draft.ts";
import type { ResponseRule, Rule } from "./rule.ts";

type Action = "set" | "append" | "replace" | "unset";

const ACTIONS: ReadonlySet<string> = new Set<Action>(["set", "append", "replace", "unset"]);
const NOTHING: readonly ResponseRule[] = [];
const utf8 = new TextEncoder();

/** `local|nsid|subnet set|append|replace|unset …` @throws ConfigError */
export function readEdns0Rule(stop: boolean, field: Token, args: readonly Token[]): Rule {
  const [type, actionToken] = args;
  if (type === undefined || actionToken === undefined) {
    throw new ConfigError((type ?? field).position, "too few arguments for an EDNS0 rule");
  }
  const action = actionToken.text.toLowerCase();
  if (!isAction(action)) throw new ConfigError(actionToken.position, `invalid action: "${action}"`);
  const option = type.text.toLowerCase();
  let values = args.slice(2);
  // Options of our replies are all our own, so there is nothing to revert.
  if (action !== "unset" && values.at(-1)?.text === "revert") values = values.slice(0, -1);
  const counts: Readonly<Record<string, number>> = { local: action === "unset" ? 1 : 2, nsid: 0, subnet: 2 };
  const count = option === "subnet" && action === "unset" ? 0 : counts[option];
  if (count === undefined) throw new ConfigError(type.position, `invalid rule type "${option}"`);
  if (values.length !== count) {
    const place = values[count] ?? values.at(-1) ?? actionToken;
    throw new ConfigError(place.position, `EDNS0 ${option} ${action} takes ${count} arguments, not ${values.length}`);
  }
  const [first = field, second = field] = values;
  switch (option) {
    case "local":
      return new OptionRule(stop, action, readCode(first), action === "unset" ? () => undefined : readData(second));
    case "nsid":
      return new OptionRule(stop, action, OPTION_NSID, () => new Uint8Array(0));
    default:
      return new OptionRule(
        stop,
        action,
        OPTION_CLIENT_SUBNET,
        action === "unset" ? () => undefined : subnetData(readBits(first, "IPv4", 32), readBits(second, "IPv6", 128)),
      );
  }
}

function isAction(text: string): text is Action {
  return ACTIONS.has(text);
}

/** @returns undefined when there is nothing to say about this question: the rule then does not apply */
type OptionData = (draft: Draft) => Uint8Array | undefined;

class OptionRule implements Rule {
  readonly stop: boolean;
  readonly #action: Action;
  readonly #code: number;
  readonly #data: OptionData;

  constructor(stop: boolean, action: Action, code: number, data: OptionData) {
    this.stop = stop;
    this.#action = action;
    this.#code = code;
    this.#data = data;
  }

  apply(draft: Draft): readonly ResponseRule[] | undefined {
    if (this.#action === "unset") {
      draft.removeOption(this.#code);
      return NOTHING;
    }
    const present = draft.options.some((option) => option.code === this.#code);
    if (present ? this.#action === "append" : this.#action === "replace") return undefined;
    const data = this.#data(draft);
    if (data === undefined) return undefined;
    draft.setOption(this.#code, data);
    return NOTHING;
  }
}

/** Decimal, `0x…`, `0o…`, `0b…` or `0…` (octal), as Go reads numbers. */
function readUnsigned(text: string): number | undefined {
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^(?:0|[1-9][0-9]{0,9}|0[xX][0-9a-fA-F]{1,8}|0[oO][0-7]{1,10}|0[bB][01]{1,32})$/.test(text)
    ? Number(text)
    : undefined;
}

function readCode(token: Token): number {
  const code = readUnsigned(token.text);
  if (code === undefined || code > 0xffff) {
    throw new ConfigError(token.position, `'${token.text}' is no option code: 0 to 65535, or 0x0 to 0xffff`);
  }
  return code;
}

function readBits(token: Token, family: string, max: number): number {
  const bits = readUnsigned(token.text);
  if (bits === undefined || bits > max) {
    throw new ConfigError(token.position, `invalid ${family} bit mask length ${token.text}`);
  }
  return bits;
}

function readData(token: Token): OptionData {
  const { text } = token;
  if (text.startsWith("{") && text.endsWith("}")) return readVariable(token);
  if (!text.startsWith("0x")) return constant(utf8.encode(text));
  const digits = text.slice(2);
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) throw new ConfigError(token.position, `'${text}' is no hexadecimal data`);
  return constant(Uint8Array.from(Buffer.from(digits, "hex")));
}

function constant(data: Uint8Array): OptionData {
  return () => data;
}

const VARIABLES: ReadonlyMap<string, OptionData> = new Map<string, OptionData>([
  ["qname", (draft) => utf8.encode(draft.spelledName)],
  ["qtype", (draft) => word(draft.type)],
  ["client_ip", ({ query }) => addressBytes(query.client.address)],
  ["server_ip", ({ query }) => addressBytes(query.server.address)],
  ["client_port", ({ query }) => word(query.client.port)],
  ["server_port", ({ query }) => word(query.server.port)],
  ["protocol", ({ query }) => utf8.encode(query.transport)],
]);

function word(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function readVariable(token: Token): OptionData {
  const name = token.text.slice(1, -1);
  const known = VARIABLES.get(name);
  if (known !== undefined) return known;
  // `plugin/name`: what the plugin tells about the query, if it is there.
  if (!/^[^/]+\/.+$/s.test(name)) throw new ConfigError(token.position, `unsupported variable name "${token.text}"`);
  return ({ query }) => {
    const value = query.metadata?.get(name) ?? "";
    return value === "" ? undefined : utf8.encode(value);
  };
}

/** RFC 7871 §6: family, source prefix, scope prefix, and as many address bytes as the prefix needs. */
function subnetData(bits4: number, bits6: number): OptionData {
  return ({ query }) => {
    const address = addressBytes(query.client.address);
    if (address === undefined) return undefined;
    const bits = address.length === 4 ? bits4 : bits6;
    const kept = address.slice(0, Math.ceil(bits / 8));
    const last = kept.length - 1;
    if (bits % 8 !== 0) kept[last] = (kept[last] ?? 0) & (0xff << (8 - (bits % 8)));
    return Uint8Array.of(0, address.length === 4 ? 1 : 2, bits, 0, ...kept);
  };
}
