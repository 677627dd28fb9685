import { clusterSourceContract } from "../../test/contract/cluster-source.ts";
import { TestApiServer } from "../../test/support/api-server.ts";
import { apiSource } from "./api-source.ts";

clusterSourceContract("the API server as a source", async () => {
  const server = await TestApiServer.start();
  const source = apiSource({ kind: "endpoint", url: server.url });
  return {
    source,
    put: async (kind, object) => server.put(kind, object),
    remove: async (kind, namespace, name) => server.remove(kind, namespace, name),
    breakOff: () => server.away(),
    async mend() {
      server.compact();
      await server.back();
    },
    async end() {
      await source.close();
      await server.close();
    },
  };
});
