/** The contract again, against a real API server where one is given. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { clusterSourceContract } from "../../test/contract/cluster-source.ts";
import { missingByChoice } from "../../test/support/machine.ts";
import { RealApiServer } from "../../test/support/real-api-server.ts";
import { apiSource } from "./api-source.ts";

describe("the starter of a real API server", () => {
  it("says when it does not start", async () => {
    await assert.rejects(RealApiServer.start("/bin/false", "/bin/false"), /the real API server did not start/);
  });
});

const skip = missingByChoice("NODENS_TEST_APISERVER", "NODENS_TEST_ETCD");
if (skip !== undefined) {
  let starting: Promise<RealApiServer> | undefined;
  after(async () => (await starting)?.close());
  clusterSourceContract(
    "a real API server as a source",
    async () => {
      const { NODENS_TEST_APISERVER = "", NODENS_TEST_ETCD = "" } = process.env;
      starting ??= RealApiServer.start(NODENS_TEST_APISERVER, NODENS_TEST_ETCD);
      const server = await starting;
      const source = apiSource({ kind: "kubeconfig", files: [server.kubeconfig] });
      return {
        source,
        put: (kind, object) => server.put(kind, object),
        remove: (kind, namespace, name) => server.remove(kind, namespace, name),
        async end() {
          await source.close();
          await server.clear();
        },
      };
    },
    { skip, exact: false },
  );
}
