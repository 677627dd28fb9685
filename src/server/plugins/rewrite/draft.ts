/** A question while rules change it: what the next plugin will be asked. */
import { addOption, OPT_BYTES, SERVER_UDP_SIZE } from "../../../dns/edns.ts";
import { FLAG_AD, FLAG_CD, FLAG_RD, readU16 } from "../../../dns/header.ts";
import type { EdnsOption } from "../../../dns/message.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import { buildQuery } from "../../../dns/query-builder.ts";
import { admitQuery, QueryView } from "../../../dns/query-view.ts";
import { Query } from "../../chain/query.ts";

export class Draft {
  /** As the client sent it. */
  readonly query: Query;
  #type: number;
  #dnsClass: number;
  #spelled: string;
  #name: string;
  #options: EdnsOption[] | undefined;
  /** Codes of the options that rules have set, for the upstream. */
  readonly #set: Set<number>;
  #changed: boolean;

  constructor(query: Query) {
    this.query = query;
    this.#type = query.view.qtype;
    this.#dnsClass = query.view.qclass;
    this.#spelled = query.name;
    this.#name = query.name.toLowerCase();
    this.#options = undefined;
    this.#set = new Set();
    this.#changed = false;
  }

  /** Lower case, absolute. */
  get name(): string {
    return this.#name;
  }

  /** As the client spelled it, until a rule gives it another. */
  get spelledName(): string {
    return this.#spelled;
  }

  /** @param name any text: whether it is a name is found out by `question` */
  rename(name: string): void {
    this.#spelled = name;
    this.#name = name.toLowerCase();
    this.#changed = true;
  }

  get type(): number {
    return this.#type;
  }

  set type(type: number) {
    this.#type = type;
    this.#changed = true;
  }

  get dnsClass(): number {
    return this.#dnsClass;
  }

  set dnsClass(dnsClass: number) {
    this.#dnsClass = dnsClass;
    this.#changed = true;
  }

  /** EDNS options of the question. */
  get options(): readonly EdnsOption[] {
    this.#options ??= optionsOf(this.query);
    return this.#options;
  }

  /** Gives the option this data: the first with its code, or a new one. */
  setOption(code: number, data: Uint8Array): void {
    const options = [...this.options];
    const at = options.findIndex((option) => option.code === code);
    if (at < 0) options.push({ code, data });
    else options[at] = { code, data };
    this.#options = options;
    this.#set.add(code);
    this.#changed = true;
  }

  removeOption(code: number): void {
    this.#options = this.options.filter((option) => option.code !== code);
    this.#set.delete(code);
    this.#changed = true;
  }

  /** @returns the client's own query when nothing was changed @throws {NameTextError} for a name that is none */
  question(): Query {
    if (!this.#changed) return this.query;
    const { view } = this.query;
    const options = this.options;
    const base = buildQuery(nameFromText(this.#spelled), this.#type, this.#dnsClass, {
      id: view.id,
      recursionDesired: (view.flags & FLAG_RD) !== 0,
      checkingDisabled: (view.flags & FLAG_CD) !== 0,
      authenticData: (view.flags & FLAG_AD) !== 0,
      dnssecOk: view.dnssecOk,
      udpSize: view.hasOpt ? view.udpSize : options.length > 0 ? SERVER_UDP_SIZE : undefined,
    });
    const wire = withOptions(base, options);
    const asked = new QueryView();
    // The verdict is for clients: a rule may well ask for what they may not.
    admitQuery(wire, 0, wire.length, asked);
    const query = Query.again(this.query, wire, asked, this.query.receivedAtMs);
    if (this.#set.size > 0) query.upstreamOptions = options.filter((option) => this.#set.has(option.code));
    return query;
  }
}

function optionsOf(query: Query): EdnsOption[] {
  const { wire, view } = query;
  const options: EdnsOption[] = [];
  const end = view.optionsAt + view.optionsLength;
  for (let at = view.optionsAt; at < end;) {
    const next = at + 4 + readU16(wire, at + 2);
    options.push({ code: readU16(wire, at), data: wire.slice(at + 4, next) });
    at = next;
  }
  return options;
}

/** @param message that ends in an OPT without options, if there are any to add */
function withOptions(message: Uint8Array, options: readonly EdnsOption[]): Uint8Array {
  const length = options.reduce((sum, { data }) => sum + 4 + data.length, 0);
  if (length === 0) return message;
  const wire = new Uint8Array(message.length + length);
  wire.set(message);
  const optAt = message.length - OPT_BYTES;
  let end = message.length;
  for (const { code, data } of options) end = addOption(wire, optAt, end, code, data);
  return wire;
}
