/** The interface that carries our addresses: made, adopted, removed. */
import { EEXIST, EOPNOTSUPP, EPERM } from "../../linux/errno.ts";
import { libc } from "../../linux/libc.ts";
import { type Link, Links } from "../../linux/links.ts";
import { NetlinkError } from "../../linux/netlink-socket.ts";
import { PlumbingFailure } from "./plumbing-error.ts";
import type { Failure } from "./plumbing.ts";
import type { Step, StepGroup } from "./step.ts";
import { canonical, familyOf } from "./wanted.ts";

export class NodeLink {
  readonly #name: string;
  readonly #addresses: readonly string[];
  #links: Links | undefined;

  /** @param addresses that the link is to carry */
  constructor(name: string, addresses: readonly string[]) {
    this.#name = name;
    this.#addresses = addresses;
  }

  /**
   * Steps that make the link and put missing addresses on it; those of others stay.
   *
   * An address that is refused (no IPv6 in this kernel) does not stop the others: each is a group.
   *
   * @throws PlumbingFailure
   */
  plan(): StepGroup[] {
    const link = this.#find();
    const missing = this.#missing(link);
    const addressing = missing.map((address) => [this.#addressStep(address)]);
    return link === undefined ? [[this.#createStep()], ...addressing] : addressing;
  }

  /**
   * Deletes the link where it is of the kinds that we and node-cache make; from another one, takes our addresses only.
   *
   * @throws PlumbingFailure
   */
  planRemoval(): StepGroup[] {
    const link = this.#find();
    if (link === undefined) return [];
    if (
      isOfOurKind(
        link,
        this.#ask((links) => links.list()),
      )
    ) {
      return [
        [
          {
            program: "ip -batch -",
            input: `link delete ${this.#name}\n`,
            changes: [{ kind: "removed", what: `interface ${this.#name}` }],
            apply: async () => this.#change((links) => links.delete(link.index)),
          },
        ],
      ];
    }
    const there = new Set(this.#addressesOf(link));
    return this.#addresses
      .filter((address) => there.has(address))
      .map((address) => [
        {
          program: "ip -batch -",
          input: `address delete ${withLength(address)} dev ${this.#name}\n`,
          changes: [{ kind: "removed", what: `address ${withLength(address)} of ${this.#name}` }],
          apply: async () => this.#change((links) => links.deleteAddress(link.index, address)),
        },
      ]);
  }

  close(): void {
    this.#links?.close();
    this.#links = undefined;
  }

  #find(): Link | undefined {
    return this.#ask((links) => links.find(this.#name));
  }

  #missing(link: Link | undefined): string[] {
    const there = new Set(link === undefined ? [] : this.#addressesOf(link));
    return this.#addresses.filter((address) => !there.has(address));
  }

  #addressesOf(link: Link): string[] {
    const all = this.#ask((links) => links.addresses());
    return all.filter((each) => each.linkIndex === link.index).map((each) => canonical(each.address));
  }

  #createStep(): Step {
    return {
      program: "ip -batch -",
      input: `link add ${this.#name} arp off type dummy\n`,
      changes: [{ kind: "added", what: `interface ${this.#name}` }],
      essential: true,
      apply: async () =>
        this.#change((links) => {
          try {
            links.create(this.#name, "dummy");
          } catch (error) {
            if (!(error instanceof NetlinkError) || error.errno !== EOPNOTSUPP) throw error;
            // No dummy in this kernel. A bridge without ports is as quiet.
            links.create(this.#name, "bridge");
          }
        }),
    };
  }

  #addressStep(address: string): Step {
    return {
      program: "ip -batch -",
      input: `address add ${withLength(address)} dev ${this.#name}\n`,
      changes: [{ kind: "added", what: `address ${withLength(address)} of ${this.#name}` }],
      apply: async () =>
        this.#change((links) => {
          const link = links.find(this.#name);
          if (link === undefined) throw new PlumbingFailure("interface_add", `interface ${this.#name} is gone again`);
          try {
            links.addAddress(link.index, address);
          } catch (error) {
            if (!(error instanceof NetlinkError) || error.errno !== EEXIST) throw error;
          }
        }),
    };
  }

  #ask<T>(action: (links: Links) => T): T {
    return this.#attempt("interface_check", action);
  }

  #change(action: (links: Links) => void): void {
    this.#attempt("interface_add", action);
  }

  #attempt<T>(errorType: Failure["errorType"], action: (links: Links) => T): T {
    if (libc() === undefined) throw new PlumbingFailure(errorType, `interface ${this.#name}: this machine has no FFI`);
    try {
      this.#links ??= new Links();
      return action(this.#links);
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      const words = error.errno === EPERM ? "not permitted: it needs the capability NET_ADMIN" : error.message;
      throw new PlumbingFailure(errorType, `interface ${this.#name}: ${words}`);
    }
  }
}

/** node-cache makes a dummy; we, where there is none, a bridge without ports. */
function isOfOurKind(link: Link, all: readonly Link[]): boolean {
  if (link.kind === "dummy") return true;
  return link.kind === "bridge" && all.every((each) => each.master !== link.index);
}

function withLength(address: string): string {
  return `${address}/${familyOf(address) === "ip" ? 32 : 128}`;
}
