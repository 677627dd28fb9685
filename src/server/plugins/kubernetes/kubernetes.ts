/**
 * `kubernetes`: answers from the objects of a Kubernetes cluster (DNS specification 1.1), of the API server or of manifests.
 */
import { setTimeout as delay } from "node:timers/promises";
import { HEADER_BYTES } from "../../../dns/header.ts";
import type { Log } from "../../../base/log.ts";
import type { EndpointSlice, Pod } from "../../../kube/objects.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Metadata } from "../../chain/metadata.ts";
import type { Directive, Plugin, PluginInstance, SetupContext } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import type { SharedLease } from "../../chain/shared.ts";
import { once } from "../../corefile/arguments.ts";
import { canonicalAddress } from "../../records/canonical-address.ts";
import { ChangedNames } from "../../records/changed-names.ts";
import { Cluster } from "../../records/cluster.ts";
import { EndpointNews } from "../../records/endpoint-news.ts";
import { readClusterQuestion } from "../../records/cluster-question.ts";
import type { Lease, SharedCluster } from "../../records/shared-cluster.ts";
import { type ClusterZone, labelsBelow, nameBelow, zoneOf } from "../../records/zone.ts";
import { KubernetesHandler } from "./kubernetes-handler.ts";
import { localAddresses, nameServers, OWN_SERVER } from "./name-servers.ts";
import { openCluster, sourceLabel } from "./open-cluster.ts";
import { nodeSearchList, SearchPaths } from "./search-paths.ts";
import { type KubernetesSettings, readKubernetes } from "./settings.ts";

/** Pause between two looks whether all objects are there, and between two log lines about it. */
const LOOK_MS = 20;
const LOG_MS = 500;

export const kubernetes: Plugin = {
  directive: "kubernetes",
  setup: (directives: readonly Directive[], context: SetupContext): PluginInstance => {
    const log = context.log.plugin("kubernetes");
    const settings = readKubernetes(once(directives), context, process.env, (text) => log.warning(text));
    return new Kubernetes(settings, context, log);
  },
};

class Kubernetes implements PluginInstance {
  readonly #settings: KubernetesSettings;
  readonly #context: SetupContext;
  readonly #log: Log;
  readonly #ends: (() => void)[];
  #lease: SharedLease<Promise<SharedCluster>> | undefined;
  #cluster: Cluster | undefined;
  #local: readonly string[];
  /** The zones' servers as text. */
  #servers: string;
  #searchPaths: SearchPaths | undefined;

  constructor(settings: KubernetesSettings, context: SetupContext, log: Log) {
    this.#settings = settings;
    this.#context = context;
    this.#log = log;
    this.#ends = [];
    this.#lease = undefined;
    this.#cluster = undefined;
    this.#local = [];
    this.#servers = "";
    this.#searchPaths = undefined;
  }

  handler(next: Handler): Handler {
    return new KubernetesHandler(next, {
      settings: this.#settings,
      cluster: () => this.#cluster,
      nameServers: (cluster) => nameServers(cluster, this.#local),
      askServer: (query) => this.#context.askServer(query),
    });
  }

  async start(): Promise<void> {
    this.#local = localAddresses(this.#context.bindAddresses);
    this.#lease = openCluster(this.#settings.source, this.#context);
    const shared = await this.#lease.value;
    const cluster = this.#hold(shared);
    this.#cluster = cluster;
    const { zones, zonal, resolvConf } = this.#settings;
    this.#searchPaths = new SearchPaths(zones, nodeSearchList(resolvConf));
    const changes = new ChangedNames({
      cluster,
      zones,
      zonal,
      onChange: (names, trees) => this.#changed(cluster, names, trees),
    });
    this.#ends.push(() => changes.stop());
    // Of a block that was configured before, and then was not, answers may be left that nobody kept true.
    let isKept = true;
    const { shared: leases, partition } = this.#context;
    const keeping = leases.acquire(
      `kubernetes answers ${partition}`,
      () => (isKept = false),
      () => {},
    );
    this.#ends.push(() => keeping.release());
    const { slices } = cluster.tables;
    if (slices !== undefined) {
      this.#ends.push(slices.listen((after) => this.#measure(cluster, after)));
      const endpoints = new EndpointNews(cluster.tables.services, slices, {
        clusterDns: this.#settings.clusterDns,
        onClusterDns: (list) => this.#context.tellClusterDns(list),
        onGone: (address) => void this.#context.upstreams.renew(address),
      });
      this.#ends.push(() => endpoints.stop());
    }
    await this.#whenSynced(cluster);
    if (!isKept && cluster.isSynced) this.#forget("all");
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    this.#lease?.release();
    this.#lease = undefined;
  }

  isReady(): boolean {
    return this.#cluster?.isSynced === true;
  }

  searchPath(query: Query): readonly Uint8Array[] | undefined {
    const pod = this.#clientOf(query);
    return pod === undefined ? undefined : this.#searchPaths?.of(pod, query);
  }

  metadata(query: Query, into: Metadata): void {
    const pod = this.#clientOf(query);
    if (pod !== undefined) {
      into.set("kubernetes/client-namespace", pod.namespace);
      into.set("kubernetes/client-pod-name", pod.name);
      for (const [key, value] of Object.entries(pod.labels)) into.set(`kubernetes/client-label/${key}`, value);
    }
    const { zones, zonal } = this.#settings;
    const zone = zoneOf(zones, query.wire, HEADER_BYTES);
    if (zone === undefined) return;
    const { multicluster } = zone;
    const labels = labelsBelow(query.wire, HEADER_BYTES, query.view.nameLength, zone);
    const question = readClusterQuestion(labels, { multicluster, zonal });
    if (question.kind === "invalid") {
      into.set("kubernetes/parse-error", "invalid query name");
      return;
    }
    const service = question.kind === "service" ? question : undefined;
    into.set("kubernetes/port-name", service?.port ?? "");
    into.set("kubernetes/protocol", service?.protocol ?? "");
    into.set("kubernetes/endpoint", service?.endpoint ?? "");
    if (multicluster) into.set("kubernetes/cluster", service?.cluster ?? "");
    if (zonal) into.set("kubernetes/zone", service?.topologyZone ?? "");
    into.set("kubernetes/service", question.kind === "pod" ? question.pod : (service?.service ?? ""));
    into.set("kubernetes/namespace", question.kind === "apex" ? "" : question.namespace);
    into.set("kubernetes/kind", labels.at(-1) ?? "");
  }

  /** The pod that asks; undefined for a node's address and for one that nobody is known to have. */
  #clientOf(query: Query): Pod | undefined {
    return this.#cluster?.tables.pods?.owner(canonicalAddress(query.client.address));
  }

  #hold(shared: SharedCluster): Cluster {
    const { labels, namespaceLabels, endpoints, pods, nodePods, zones } = this.#settings;
    const held = <T>(lease: Lease<T>): T => {
      this.#ends.push(() => lease.release());
      return lease.table;
    };
    const selection = labels === "" ? {} : { labelSelector: labels };
    const ofNode = nodePods === undefined ? {} : { fieldSelector: `spec.nodeName=${nodePods}` };
    const needsPods = pods === "verified" || nodePods !== undefined;
    const tables = {
      services: held(shared.hold("services", selection)),
      namespaces: held(shared.hold("namespaces", namespaceLabels === "" ? {} : { labelSelector: namespaceLabels })),
      slices: endpoints ? held(shared.hold("endpointslices", selection)) : undefined,
      // Clients are known whatever their labels; CoreDNS's `labels` keeps their pods out.
      pods: needsPods ? held(shared.hold("pods", nodePods === undefined ? selection : ofNode)) : undefined,
      imports: zones.some(({ multicluster }) => multicluster) ? held(shared.hold("serviceimports")) : undefined,
    };
    const { namespaces, usesPodNames, ignoresEmpty } = this.#settings;
    return new Cluster(tables, { namespaces, pods, usesPodNames, ignoresEmpty });
  }

  /** Resolves when the objects are there, or when that has taken too long. */
  async #whenSynced(cluster: Cluster): Promise<void> {
    const { startupTimeoutMs } = this.#settings;
    for (let waitedMs = 0; !cluster.isSynced; waitedMs += LOOK_MS) {
      if (waitedMs >= startupTimeoutMs) {
        this.#log.warning("starting server with unsynced Kubernetes API");
        return;
      }
      if (waitedMs > 0 && waitedMs % LOG_MS === 0) this.#log.info("waiting for Kubernetes API before starting server");
      await delay(LOOK_MS);
    }
  }

  /** Besides the names that a change is about, those of the zones' own servers, when these are others now. */
  #changed(cluster: Cluster, names: readonly Uint8Array[] | "all", trees: readonly Uint8Array[]): void {
    const servers = JSON.stringify(nameServers(cluster, this.#local));
    if (names === "all" || servers === this.#servers) this.#forget(names, trees);
    else this.#forget([...names, ...this.#settings.zones.flatMap((zone) => serverNames(zone))], trees);
    this.#servers = servers;
  }

  /** What was answered for the names is not to be answered again. */
  #forget(names: readonly Uint8Array[] | "all", trees: readonly Uint8Array[] = []): void {
    const { store, partition, metrics } = this.#context;
    const below = names === "all" ? this.#settings.zones.map(({ name }) => name) : trees;
    let dropped = names === "all" ? 0 : store.removeNames(partition, names);
    for (const tree of below) dropped += store.removeBelow(partition, tree);
    if (dropped === 0) return;
    metrics.counter("nodens_kubernetes_answers_dropped_total").with(sourceLabel(this.#settings.source)).add(dropped);
  }

  /** What was there at the start tells nothing about how long a change takes. */
  #measure({ isSynced, tables }: Cluster, slice: EndpointSlice | undefined): void {
    if (!isSynced || slice === undefined || slice.changedAtMs === 0) return;
    const service = tables.services.find(slice.namespace, slice.service);
    if (service === undefined) return;
    this.#context.metrics
      .histogram("coredns_kubernetes_dns_programming_duration_seconds")
      .with(service.headless ? "headless_with_selector" : "cluster_ip")
      .observe(Math.max(0, this.#context.clock.wallMs() - slice.changedAtMs) / 1000);
  }
}

/** Names whose records are about a zone's servers. */
function serverNames(zone: ClusterZone): Uint8Array[] {
  const own = zone.reverse ? undefined : nameBelow(OWN_SERVER, zone);
  return own === undefined ? [zone.name] : [zone.name, own];
}
