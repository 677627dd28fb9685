import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterSourceContract } from "../../test/contract/cluster-source.ts";
import { manifestOf } from "../../test/support/api-server.ts";
import { manifestSource } from "./manifest-source.ts";

clusterSourceContract("a folder of manifests as a source", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nodens-manifests-"));
  const path = join(folder, "manifests");
  await mkdir(path);
  const source = manifestSource(path, { pollMs: 50 });
  let within = path;
  const fileOf = (kind: string, namespace: string, name: string): string =>
    join(within, `${kind}.${namespace}.${name}.json`);
  return {
    source,
    put: (kind, object) =>
      writeFile(
        fileOf(kind, object.metadata.namespace ?? "", object.metadata.name),
        JSON.stringify(manifestOf(kind, object)),
      ),
    remove: (kind, namespace, name) => rm(fileOf(kind, namespace, name)),
    async breakOff() {
      within = join(folder, "away");
      await rename(path, within);
    },
    async mend() {
      await rename(within, path);
      within = path;
    },
    async end() {
      await source.close();
      await rm(folder, { recursive: true });
    },
  };
});
