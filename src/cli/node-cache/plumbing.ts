/** What the flags want of the node. */
import type { Plumbing, PlumbingSpec } from "../../server/plumbing/plumbing.ts";
import type { NodeCacheSettings } from "./flags.ts";

export function plumbingSpec(settings: NodeCacheSettings): PlumbingSpec {
  const { localAddresses, serviceAddresses, intercept } = settings;
  const none = intercept === "none" || (!settings.setupinterface && !settings.setupiptables);
  return {
    interfaceName: settings.interfacename,
    setUpInterface: !none && settings.setupinterface,
    setUpRules: !none && settings.setupiptables,
    // Of an address that packets are rewritten from, nobody is the owner.
    localAddresses: intercept === "rewrite" ? without(localAddresses, serviceAddresses) : localAddresses,
    serviceAddresses,
    intercept: none ? "none" : intercept,
    backend: settings.rules,
    port: settings.port,
    healthPort: settings.healthPort,
    fallback: settings.fallbackEndpoints,
  };
}

/**
 * What blocks listen on where packets are rewritten: the plumbing's own address wherever they name one of ours, and not the
 * Service's, which this node does not have.
 */
export function rebinding(
  settings: NodeCacheSettings,
  rewrites: boolean,
  extraAddresses: readonly string[],
): (addresses: readonly string[]) => readonly string[] {
  return (addresses) => {
    if (!addresses.some((address) => settings.localAddresses.includes(address))) return addresses;
    const own = rewrites ? without(addresses, settings.serviceAddresses) : addresses;
    return [...new Set([...own, ...extraAddresses])];
  };
}

/** Where a server finds what the plumbing of its keeper has chosen. */
export const PLUMBING_VARIABLE = "NODENS_NODE_PLUMBING";

interface Told {
  readonly rewrites: boolean;
  readonly extraAddresses: readonly string[];
}

export function toldOf({ choice, extraAddresses }: Plumbing): Told {
  return { rewrites: choice.intercept === "rewrite", extraAddresses };
}

/** @param text of the variable */
export function readTold(text: string | undefined): Told {
  // Written by `toldOf` of the keeper, which is of this version: it has started this process.
  return text === undefined ? { rewrites: false, extraAddresses: [] } : (JSON.parse(text) as Told);
}

function without(list: readonly string[], others: readonly string[]): readonly string[] {
  return list.filter((each) => !others.includes(each));
}
