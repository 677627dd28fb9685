/**
 * The test API server as a process of its own: `node bench/kube-api-process.ts SERVICES ENDPOINTS`.
 *
 * Sends `{ port }` when it listens. Sent `{ index, change }` it changes that Service and sends `{ changed: change }`.
 */
import { TestApiServer } from "../test/support/api-server.ts";
import { changeService, generateCluster } from "../test/support/generated-cluster.ts";

const [services = 10_000, endpoints = 5] = process.argv.slice(2).map(Number);
const server = await TestApiServer.start({ bookmarkMs: 60_000 });
generateCluster(server, { services, endpoints });
process.on("message", ({ index, change }: { readonly index: number; readonly change: number }) => {
  changeService(server, index, change);
  process.send?.({ changed: change });
});
process.once("disconnect", () => process.exit(0));
process.send?.({ port: Number(new URL(server.url).port) });
