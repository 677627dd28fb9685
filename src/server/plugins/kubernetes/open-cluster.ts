/** The cluster of a `kubernetes` directive: one source and one set of tables for all who name the same. */
import type { ClusterSource, Kind } from "../../../kube/cluster-source.ts";
import type { Services } from "../../chain/plugin.ts";
import type { SharedLease } from "../../chain/shared.ts";
import { SharedCluster } from "../../records/shared-cluster.ts";
import type { SourceSettings } from "./settings.ts";

const KINDS: readonly Kind[] = ["services", "endpointslices", "pods", "namespaces", "serviceimports"];

/** For the label of metrics: where the objects come from, without secrets. */
export function sourceLabel(settings: SourceSettings): string {
  if (settings.kind === "manifests") return settings.path;
  const { access } = settings;
  if (access.kind === "endpoint") return new URL(access.url).origin;
  return access.kind === "kubeconfig" ? (access.files?.join(":") ?? "kubeconfig") : "in-cluster";
}

/** @returns the lease to give up; its value rejects when the source cannot be used at all (a `NodensError`) */
export function openCluster(
  settings: SourceSettings,
  services: Pick<Services, "shared" | "clock" | "log" | "metrics">,
): SharedLease<Promise<SharedCluster>> {
  const { metrics } = services;
  const source = sourceLabel(settings);
  return services.shared.acquire(
    `kubernetes ${JSON.stringify(settings)}`,
    async () => {
      const opened = await openSource(settings, services);
      const cluster = new SharedCluster(opened, services.clock, services.log.plugin("kubernetes"));
      for (const kind of KINDS) {
        const count = metrics.gauge("nodens_kubernetes_objects").with(source, kind);
        count.from(() => cluster.count(kind));
      }
      metrics
        .gauge("nodens_kubernetes_stale_seconds")
        .with(source)
        .from(() => cluster.staleS);
      return cluster;
    },
    (opening) => {
      for (const kind of KINDS) metrics.gauge("nodens_kubernetes_objects").remove(source, kind);
      metrics.gauge("nodens_kubernetes_stale_seconds").remove(source);
      opening.then(
        (cluster) => cluster.close(),
        () => {},
      );
    },
  );
}

async function openSource(settings: SourceSettings, { metrics }: Pick<Services, "metrics">): Promise<ClusterSource> {
  if (settings.kind === "manifests") {
    const { checkManifests, manifestSource } = await import("../../../kube/manifest-source.ts");
    await checkManifests(settings.path);
    return manifestSource(settings.path);
  }
  const { apiSource, checkApiAccess } = await import("../../../kube/api-source.ts");
  await checkApiAccess(settings.access);
  const durations = metrics.histogram("coredns_kubernetes_rest_client_request_duration_seconds");
  const waits = metrics.histogram("coredns_kubernetes_rest_client_rate_limiter_duration_seconds");
  const requests = metrics.counter("coredns_kubernetes_rest_client_requests_total");
  return apiSource(settings.access, {
    limits: settings.limits,
    observer: {
      request: (verb, host, code, ms) => {
        durations.with(verb, host).observe(ms / 1000);
        requests.with(code === 0 ? "<error>" : String(code), "GET", host).add();
      },
      limited: (verb, host, ms) => waits.with(verb, host).observe(ms / 1000),
    },
  });
}
