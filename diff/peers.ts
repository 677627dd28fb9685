/** Nodens from this folder and its peers, with the settings of the bench and the few more that a comparison needs. */
import { fileURLToPath } from "node:url";
import { nodens as benchNodens, PEERS, type ServerKind } from "../bench/servers.ts";
import type { PeerName } from "./options.ts";

const LAUNCHER = fileURLToPath(new URL("../bin/nodens.js", import.meta.url));

/** From source: what is compared is what stands here, not what was built some day. */
export const nodens: ServerKind = {
  name: "nodens",
  version: () => benchNodens.version(),
  plan: (launch) => {
    const plan = benchNodens.plan(launch);
    if (plan === undefined) return undefined;
    return { ...plan, command: [process.execPath, LAUNCHER, "serve", "-c", `${launch.directory}/Corefile`] };
  },
};

/** What Unbound does for the Internet and a cluster does not want; lifetimes as in the Corefile. */
const UNBOUND_MORE = `
server:
    minimal-responses: no
    max-udp-size: 1232
    unblock-lan-zones: yes
    insecure-lan-zones: yes
    cache-max-ttl: 3600
    cache-max-negative-ttl: 3600
`;

/** Settings by peer: text that a configuration file ends in, and texts that give way to others. */
const CHANGES: Record<PeerName, { readonly file: string; readonly change: (text: string) => string }> = {
  unbound: {
    file: "unbound.conf",
    change: (text) => text.replace("    minimal-responses: yes\n", "") + UNBOUND_MORE,
  },
  dnsdist: {
    file: "dnsdist.conf",
    change: (text) => text.replace("{numberOfShards=20}", "{numberOfShards=20, maxTTL=3600, maxNegativeTTL=3600}"),
  },
};

export function peer(name: PeerName): ServerKind {
  const kind = PEERS.find((known) => known.name === name);
  if (kind === undefined) throw new Error(`the bench has no ${name}`);
  const { file, change } = CHANGES[name];
  return {
    ...kind,
    plan: (launch) => {
      const plan = kind.plan(launch);
      if (plan === undefined) return undefined;
      return { ...plan, files: { ...plan.files, [file]: change(plan.files[file] ?? "") } };
    },
  };
}
