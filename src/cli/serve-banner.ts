/** What `nodens serve` prints once it serves. */
import { arch, platform } from "node:os";
import { formatSocketAddress } from "../base/address.ts";
import type { ListenOverride } from "../server/daemon/listener-plan.ts";
import type { Server } from "../server/daemon/server.ts";

/**
 * The lines that CoreDNS prints (`zone.:port on address`, then what it is), with our own name.
 *
 * @param listen where dns:// keys are listened for instead of where they say; none: where they say
 */
export function startBanner(
  server: Pick<Server, "blocks" | "description">,
  version: string,
  listen: readonly ListenOverride[] = [],
): string {
  const lines: string[] = [];
  for (const block of server.blocks) {
    for (const key of block.keys) {
      if (key.scheme === "dns" && listen.length > 0) {
        for (const { address, port } of listen) {
          lines.push(address === "::" ? `${key.zone}:${port}` : `${key.zone}:${port} on ${address}`);
        }
        continue;
      }
      const addresses = block.bindAddresses.length > 0 ? block.bindAddresses : [undefined];
      const served = `${key.scheme === "dns" ? "" : `${key.scheme}://`}${key.zone}:${key.port}`;
      for (const address of addresses) lines.push(address === undefined ? served : `${served} on ${address}`);
    }
  }
  lines.push(`Nodens-${version}`, `${platform()}/${arch()}, node ${process.version}, ${server.description}`);
  return `${lines.join("\n")}\n`;
}

/** Where the example listens, and three commands to try. */
export function tryCommands(server: Server): string {
  const [first] = server.addresses;
  if (first === undefined) return "";
  const at = `@${first.address} -p ${first.port}`;
  const listens = server.addresses.map(({ address, port }) => formatSocketAddress(address, port)).join(", ");
  return `
Serving DNS on ${listens} (UDP and TCP). Metrics: http://127.0.0.1:9253/metrics, health: http://127.0.0.1:8080/health
Try:
  dig ${at} kubernetes.default.svc.cluster.local
  dig ${at} +tcp AAAA web.shop.svc.cluster.local
  dig ${at} example.org
Ctrl-C ends it.
`;
}
