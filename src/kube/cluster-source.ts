/**
 * Where Kubernetes objects come from: the API server, or a folder of manifests. Both keep what they give current.
 *
 * A source keeps the objects of each watch by key and tells the watcher what differs, so a list after a lost watch comes
 * to the watcher as the changes that were missed, never as "all is gone, and now all is there".
 */
import type { EndpointSlice, Namespace, Pod, Service, ServiceImport } from "./objects.ts";

export interface ObjectOf {
  readonly services: Service;
  readonly endpointslices: EndpointSlice;
  readonly pods: Pod;
  readonly namespaces: Namespace;
  readonly serviceimports: ServiceImport;
}

export type Kind = keyof ObjectOf;

/** Which objects of a kind; all when empty. Selectors are in the API's own syntax. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  /** `spec.nodeName=worker-1`: of pods only. */
  readonly fieldSelector?: string;
}

/** Methods are called from the event loop, one at a time, and must not throw. */
export interface Watcher<T> {
  /** @param before what the object was; undefined when it is new */
  put(object: T, before: T | undefined): void;
  removed(before: T): void;
  /** All that was there at the start has been `put`. Called once. */
  synced?(): void;
  /**
   * The source was lost (`reason`: one line for the log) or is back (undefined). Objects stay as they were meanwhile.
   * `denied`: the API refused for lack of permission; `reason` names verb, resource and what to grant.
   */
  stale?(reason: string | undefined, denied: boolean): void;
}

/** A running watch. */
export interface Watch {
  readonly synced: boolean;
  /** Why the objects may be out of date; undefined when they are current. */
  readonly staleReason: string | undefined;
  stop(): void;
}

export interface ClusterSource {
  /** For logs: `https://10.96.0.1:443`, `examples/small-cluster`. Never a secret. */
  readonly name: string;
  /** Begins a watch. Never throws and never gives up: failures are told by `stale` and tried again. */
  watch<K extends Kind>(kind: K, selection: Selection, watcher: Watcher<ObjectOf[K]>): Watch;
  /** Ends all watches and closes connections. */
  close(): Promise<void>;
}
