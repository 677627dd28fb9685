/**
 * The search lists of pods, as kubelet writes them (kubernetes pkg/kubelet/network/dns/dns.go).
 *
 * `ClusterFirst`: the namespace's Services, all Services, the cluster, then the node's own list, then the pod's `dnsConfig`.
 * `Default` has no part of the cluster, `None` the pod's own alone. A domain counts where it stands first; what is beyond 32
 * domains or 2048 characters is cut off.
 */
import { readFileSync } from "node:fs";
import { HEADER_BYTES } from "../../../dns/header.ts";
import { lowerCaseName } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { Pod } from "../../../kube/objects.ts";
import type { Query } from "../../chain/query.ts";
import { searchDomains } from "../../chain/search-list.ts";
import { type ClusterZone, zoneOf } from "../../records/zone.ts";

const DOMAINS_MAX = 32;
const CHARACTERS_MAX = 2048;
/** Longest name as text, without the final dot. */
const DOMAIN_MAX = 253;
/** Lists kept, each for a namespace and what a pod adds to it. */
const LISTS_MAX = 4096;

/** The node's own list; empty when it cannot be read. */
export function nodeSearchList(path: string): readonly string[] {
  try {
    return searchDomains(readFileSync(path, "utf8"));
  } catch {
    return [];
  }
}

export class SearchPaths {
  readonly #zones: readonly ClusterZone[];
  readonly #ofNode: readonly string[];
  readonly #lists: Map<string, readonly Uint8Array[]>;

  constructor(zones: readonly ClusterZone[], ofNode: readonly string[]) {
    this.#zones = zones.filter(({ reverse }) => !reverse);
    this.#ofNode = ofNode;
    this.#lists = new Map();
  }

  /** @returns domains in wire form and lower case; undefined for a question outside the cluster's zones */
  of(pod: Pod, query: Query): readonly Uint8Array[] | undefined {
    const zone = zoneOf(this.#zones, query.wire, HEADER_BYTES);
    if (zone === undefined) return undefined;
    const key = [zone.text, pod.namespace, pod.dnsPolicy, ...pod.searches].join(" ");
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = wireList(searchListOf(pod, zone.text.replace(/\.$/, ""), this.#ofNode));
      if (this.#lists.size >= LISTS_MAX) this.#lists.clear();
      this.#lists.set(key, list);
    }
    return list;
  }
}

/** @param zone of the cluster, without the final dot; "" for the root */
export function searchListOf(
  { namespace, dnsPolicy, searches }: Pick<Pod, "namespace" | "dnsPolicy" | "searches">,
  zone: string,
  ofNode: readonly string[],
): string[] {
  const below = (labels: string): string => (zone === "" ? labels : `${labels}.${zone}`);
  const ofCluster = [below(`${namespace}.svc`), below("svc"), ...(zone === "" ? [] : [zone])];
  const before = dnsPolicy === "None" ? [] : dnsPolicy === "Default" ? ofNode : [...ofCluster, ...ofNode];
  const all = [...new Set([...before, ...searches])].filter((domain) => domain.length <= DOMAIN_MAX);
  const list = all.slice(0, DOMAINS_MAX);
  while (list.join(" ").length > CHARACTERS_MAX) list.pop();
  return list;
}

/** What is no domain name no resolver could use either. The root comes last anyway. */
function wireList(domains: readonly string[]): Uint8Array[] {
  return domains.flatMap((domain) => {
    try {
      const name = nameFromText(domain);
      lowerCaseName(name, 0, name.length);
      return name.length === 1 ? [] : [name];
    } catch {
      return [];
    }
  });
}
