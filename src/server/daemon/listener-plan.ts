/** Which addresses a configuration listens on, and which blocks answer there for which zones. */
import { formatSocketAddress } from "../../base/address.ts";
import { ConfigError } from "../../base/errors.ts";
import type { ServerIdentity } from "../chain/query.ts";
import type { StreamTimeouts, TlsSource } from "../chain/stream-settings.ts";
import type { Block } from "./block.ts";

export interface PlannedZone {
  readonly zone: string;
  readonly block: Block;
}

/** UDP and TCP, or DNS over TLS. */
export type ListenScheme = "dns" | "tls";

export interface PlannedListener {
  readonly scheme: ListenScheme;
  /** IP address; `::` for all addresses. */
  readonly address: string;
  readonly port: number;
  readonly identity: ServerIdentity;
  /** Of the first block that has it; `tls` listeners have one. */
  readonly tls: TlsSource | undefined;
  /** What several blocks say is put together; the last one wins. */
  readonly timeouts: StreamTimeouts;
  /** In the order of the file: several of one zone are asked one after the other. */
  readonly zones: readonly PlannedZone[];
}

/** Address and port from the command line, in place of those of the Corefile. */
export interface ListenOverride {
  readonly address: string;
  readonly port: number;
}

const ALL_ADDRESSES = "::";

interface Plan {
  readonly scheme: ListenScheme;
  readonly address: string;
  readonly port: number;
  readonly identity: ServerIdentity;
  readonly zones: PlannedZone[];
  tls: TlsSource | undefined;
  timeouts: StreamTimeouts;
}

/**
 * @param overrides in place of the addresses of `dns://` keys; `tls://` keys keep theirs
 * @throws ConfigError when two blocks without views claim one zone at one address
 */
export function planListeners(blocks: readonly Block[], overrides: readonly ListenOverride[]): PlannedListener[] {
  const planned = new Map<string, Plan>();
  for (const block of blocks) {
    const identities = new Map<string, ServerIdentity>();
    for (const key of block.keys) {
      const scheme = key.scheme === "tls" ? "tls" : "dns";
      for (const { address, port } of addressesOf(block, scheme, key.port, overrides)) {
        const label = labelOf(scheme, address, port);
        let plan = planned.get(label);
        if (plan === undefined) {
          plan = {
            scheme,
            address,
            port,
            identity: { label, address, port },
            zones: [],
            tls: undefined,
            timeouts: {},
          };
          planned.set(label, plan);
        }
        if (port !== 0 && planned.has(labelOf(scheme === "tls" ? "dns" : "tls", address, port))) {
          throw new ConfigError(key.token.position, `port ${port} has dns:// and tls:// on one address`);
        }
        identities.set(label, plan.identity);
        const same = plan.zones.filter(({ zone }) => zone === key.zone);
        if (same.some((other) => other.block === block) && overrides.length > 0) continue;
        // Behind a block that takes every query, one with a view is of no use, but no mistake for CoreDNS either.
        if (block.accepts === undefined && same.some((other) => other.block.accepts === undefined)) {
          const where = address === ALL_ADDRESSES ? "" : ` on ${address}`;
          throw new ConfigError(
            key.token.position,
            `cannot serve ${scheme}://${key.zone}:${port}${where} - it is already defined`,
          );
        }
        plan.zones.push({ zone: key.zone, block });
        plan.tls ??= block.tls;
        plan.timeouts = { ...plan.timeouts, ...block.timeouts };
      }
    }
    block.servers = [...identities.values()];
  }
  return [...planned.values()];
}

function addressesOf(
  block: Block,
  scheme: ListenScheme,
  port: number,
  overrides: readonly ListenOverride[],
): readonly ListenOverride[] {
  if (overrides.length > 0 && scheme === "dns") return overrides;
  const addresses = block.bindAddresses.length > 0 ? block.bindAddresses : [ALL_ADDRESSES];
  return addresses.map((address) => ({ address, port }));
}

/** CoreDNS writes a listener on all addresses without an address. */
function labelOf(scheme: ListenScheme, address: string, port: number): string {
  return address === ALL_ADDRESSES ? `${scheme}://:${port}` : `${scheme}://${formatSocketAddress(address, port)}`;
}
