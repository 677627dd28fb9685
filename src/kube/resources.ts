/** The kinds that are watched: where the API has them, what manifests call them, how they are trimmed. */
import type { Kind, ObjectOf, Selection } from "./cluster-source.ts";
import type { Interner } from "./intern.ts";
import type { Raw } from "./raw.ts";
import { trimEndpointSlice, trimNamespace, trimPod, trimService, trimServiceImport } from "./trim.ts";

export interface Resource<K extends Kind> {
  /** As in URLs and in RBAC rules. */
  readonly plural: K;
  /** Of RBAC rules; "" is the core group. */
  readonly group: string;
  readonly version: string;
  /** `kind` of a manifest. */
  readonly manifestKind: string;
  readonly namespaced: boolean;
  /** @returns undefined for what has no name */
  readonly trim: (raw: Raw, interner: Interner) => ObjectOf[K] | undefined;
}

export const RESOURCES: { readonly [K in Kind]: Resource<K> } = {
  services: {
    plural: "services",
    group: "",
    version: "v1",
    manifestKind: "Service",
    namespaced: true,
    trim: trimService,
  },
  endpointslices: {
    plural: "endpointslices",
    group: "discovery.k8s.io",
    version: "v1",
    manifestKind: "EndpointSlice",
    namespaced: true,
    trim: trimEndpointSlice,
  },
  pods: { plural: "pods", group: "", version: "v1", manifestKind: "Pod", namespaced: true, trim: trimPod },
  namespaces: {
    plural: "namespaces",
    group: "",
    version: "v1",
    manifestKind: "Namespace",
    namespaced: false,
    trim: trimNamespace,
  },
  serviceimports: {
    plural: "serviceimports",
    group: "multicluster.x-k8s.io",
    version: "v1alpha1",
    manifestKind: "ServiceImport",
    namespaced: true,
    trim: trimServiceImport,
  },
};

/** `/api/v1/services`, `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices`. */
export function resourcePath(kind: Kind, selection: Selection): string {
  const { group, version, plural, namespaced } = RESOURCES[kind];
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const within =
    namespaced && selection.namespace !== undefined ? `/namespaces/${encodeURIComponent(selection.namespace)}` : "";
  return `${root}${within}/${plural}`;
}

/** For a person: `services`, `endpointslices.discovery.k8s.io`. */
export function resourceName(kind: Kind): string {
  const { group, plural } = RESOURCES[kind];
  return group === "" ? plural : `${plural}.${group}`;
}
