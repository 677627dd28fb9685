/** The `kubernetes` link of a chain: answers names of the cluster, and passes the others on. */
import { EDE_NOT_READY } from "../../../dns/edns.ts";
import { FLAG_TC, FLAGS_AT, HEADER_BYTES, RCODE_MASK, readU16, writeU16 } from "../../../dns/header.ts";
import { decodeMessage } from "../../../dns/message.ts";
import { MessageError } from "../../../dns/message-error.ts";
import { isBelow, sameName } from "../../../dns/name.ts";
import { capTtls } from "../../../dns/patch.ts";
import { ResponseScan, scanResponse } from "../../../dns/response-scan.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import {
  CLASS_IN,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
  RCODE_REFUSED,
  TYPE_A,
  TYPE_AAAA,
  TYPE_AXFR,
  TYPE_CNAME,
  TYPE_IXFR,
  TYPE_NS,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
  TYPE_TXT,
} from "../../../dns/types.ts";
import { formatAddressBytes } from "../../../base/address.ts";
import { NodensError } from "../../../base/errors.ts";
import type { Answer } from "../../chain/answer.ts";
import { emptyResponse, serverFailure } from "../../chain/failure.ts";
import type { Handler } from "../../chain/handler.ts";
import { lookUp } from "../../chain/look-up.ts";
import type { Query } from "../../chain/query.ts";
import {
  addressAnswer,
  cnameRecord,
  denial,
  type NameServer,
  nsAnswer,
  ptrAnswer,
  recordsAnswer,
  soaAnswer,
  srvAnswer,
  versionAnswer,
} from "../../records/answers.ts";
import { type Cluster, EMPTY, type Finding, NONE, UNKNOWN } from "../../records/cluster.ts";
import { readClusterQuestion } from "../../records/cluster-question.ts";
import { reverseAddress } from "../../records/reverse-name.ts";
import { type ClusterZone, labelsBelow, zoneOf } from "../../records/zone.ts";
import type { KubernetesSettings } from "./settings.ts";

const NAME = "kubernetes";
/** Seconds for which the next plugin's answer holds, where it stands in for one that is not known yet. */
const STAND_IN_TTL_S = 5;

/** Nothing can be said about a name yet. */
class NotSyncedError extends NodensError {
  readonly code = "NODENS_KUBE_NOT_SYNCED";
}

type TargetsFinding = Extract<Finding, { kind: "targets" }>;

export interface KubernetesParts {
  readonly settings: KubernetesSettings;
  /** Undefined until the plugin has started. */
  readonly cluster: () => Cluster | undefined;
  readonly nameServers: (cluster: Cluster) => readonly NameServer[];
  readonly askServer: (query: Query) => Promise<Answer>;
}

export class KubernetesHandler implements Handler {
  readonly #next: Handler;
  readonly #parts: KubernetesParts;
  readonly #fallthrough: readonly Uint8Array[];
  readonly #fallthroughUnsure: readonly Uint8Array[];

  constructor(next: Handler, parts: KubernetesParts) {
    this.#next = next;
    this.#parts = parts;
    const { fallthrough, fallthroughUnsure } = parts.settings;
    this.#fallthrough = fallthrough.map((zone) => nameFromText(zone));
    this.#fallthroughUnsure = [...fallthrough, ...fallthroughUnsure].map((zone) => nameFromText(zone));
  }

  async serve(query: Query): Promise<Answer> {
    const { wire, view } = query;
    const zone = view.qclass === CLASS_IN ? zoneOf(this.#parts.settings.zones, wire, HEADER_BYTES) : undefined;
    if (zone === undefined) return this.#next.serve(query);
    if (view.qtype === TYPE_AXFR || view.qtype === TYPE_IXFR) {
      return { wire: emptyResponse(query, RCODE_REFUSED), plugin: NAME };
    }
    const cluster = this.#parts.cluster();
    if (cluster === undefined) return this.#unknown(query);
    const labels = labelsBelow(wire, HEADER_BYTES, view.nameLength, zone);
    let found = this.#find(query, zone, labels, cluster);
    if (!(found instanceof Uint8Array) && found.kind === "targets") found = this.#made(query, zone, found) ?? EMPTY;
    if (found instanceof Uint8Array) return { wire: found, plugin: NAME };
    if (found.kind === "unknown") return this.#unknown(query);
    if (found.kind === "alias") {
      const { target } = found;
      const answer = await this.#alias(query, zone, cluster, target);
      // What was held of the name was dropped while this was under way: it would come too late, and stay.
      const now = this.#find(query, zone, labels, cluster);
      const isStill = !(now instanceof Uint8Array) && now.kind === "alias" && now.target === target;
      return isStill ? answer : this.serve(query);
    }
    if (found.kind === "none") {
      if (isInside(query, this.#fallthrough)) {
        const answer = await this.#next.serve(query);
        const now = this.#find(query, zone, labels, cluster);
        return !(now instanceof Uint8Array) && now.kind === "none" ? answer : this.serve(query);
      }
      if (!isSure(cluster) && isInside(query, this.#fallthroughUnsure)) return this.#standIn(query);
    }
    const rcode = found.kind === "none" ? RCODE_NXDOMAIN : RCODE_NOERROR;
    return { wire: denial(query, rcode, zone, this.#parts.settings.ttlS, cluster.serial), plugin: NAME };
  }

  /** What the cluster says of the name, or an answer at once. */
  #find(query: Query, zone: ClusterZone, labels: readonly string[], cluster: Cluster): Finding | Uint8Array {
    const { settings } = this.#parts;
    const { qtype } = query.view;
    if (labels.length === 0) return this.#apex(query, zone, cluster);
    if (zone.reverse || zone.name.length === 1) {
      const bytes = reverseAddress(query.wire, HEADER_BYTES);
      if (bytes !== undefined) {
        const names = cluster.namesOf(formatAddressBytes(bytes, 0, bytes.length === 4 ? 4 : 16));
        if (names === "unknown") return UNKNOWN;
        if (names.length === 0) return NONE;
        return qtype === TYPE_PTR ? ptrAnswer(query, names, settings.primary, settings.ttlS) : EMPTY;
      }
      if (zone.reverse) return NONE;
    }
    // Two names that are there whatever the objects say; so is `dns` above one of them.
    const own = labels.join(".");
    if (own === "dns-version") return qtype === TYPE_TXT ? versionAnswer(query) : EMPTY;
    if (own === "dns") return EMPTY;
    if (own === "ns.dns") {
      const addresses = this.#parts.nameServers(cluster).flatMap((server) => server.addresses);
      return this.#addresses(query, addresses) ?? EMPTY;
    }
    const { multicluster } = zone;
    return cluster.find(readClusterQuestion(labels, { multicluster, zonal: settings.zonal }), multicluster);
  }

  #apex(query: Query, zone: ClusterZone, cluster: Cluster): Finding | Uint8Array {
    const { ttlS } = this.#parts.settings;
    if (query.view.qtype === TYPE_SOA) return soaAnswer(query, zone, ttlS, cluster.serial);
    if (query.view.qtype !== TYPE_NS) return EMPTY;
    const servers = this.#parts.nameServers(cluster);
    return servers.length === 0 ? EMPTY : nsAnswer(query, servers, zone, ttlS);
  }

  /** @returns undefined when there are no records of the type */
  #made(query: Query, zone: ClusterZone, { targets, owner }: TargetsFinding): Uint8Array | undefined {
    if (query.view.qtype === TYPE_SRV) return srvAnswer(query, targets, owner, zone, this.#parts.settings.ttlS);
    return this.#addresses(
      query,
      targets.map(({ address }) => address),
    );
  }

  #addresses(query: Query, addresses: readonly string[]): Uint8Array | undefined {
    const { qtype } = query.view;
    if (qtype !== TYPE_A && qtype !== TYPE_AAAA) return undefined;
    return addressAnswer(query, addresses, this.#parts.settings.ttlS);
  }

  /** A CNAME, and for who asks for addresses those of its target. */
  async #alias(query: Query, zone: ClusterZone, cluster: Cluster, targetText: string): Promise<Answer> {
    const { settings, askServer } = this.#parts;
    const { qtype } = query.view;
    const empty = (): Answer => ({
      wire: denial(query, RCODE_NOERROR, zone, settings.ttlS, cluster.serial),
      plugin: NAME,
    });
    const target = wireName(targetText);
    if (target === undefined || isNameOf(query, target)) return empty();
    const alias = cnameRecord(query, TYPE_CNAME, target, settings.ttlS);
    if (qtype === TYPE_CNAME) return { wire: recordsAnswer(query, [alias]), plugin: NAME };
    if (qtype !== TYPE_A && qtype !== TYPE_AAAA) return empty();
    const found = await lookUp({ ask: askServer }, query, target, qtype);
    const rcode = found === undefined ? -1 : readU16(found.wire, FLAGS_AT) & RCODE_MASK;
    if (found === undefined || (rcode !== RCODE_NOERROR && rcode !== RCODE_NXDOMAIN)) {
      return serverFailure(query, NAME, found?.error);
    }
    try {
      const { answers, authority, flags } = decodeMessage(found.wire);
      const leadsBack = answers.some(({ name, type }) => type === TYPE_CNAME && isNameOf(query, name));
      if (leadsBack) return serverFailure(query, NAME);
      const soa = answers.some(({ type }) => type === qtype) ? [] : authority.filter(({ type }) => type === TYPE_SOA);
      const wire = recordsAnswer(query, [alias, ...answers], soa);
      if ((flags & FLAG_TC) !== 0) writeU16(wire, FLAGS_AT, readU16(wire, FLAGS_AT) | FLAG_TC);
      return { wire, plugin: NAME };
    } catch (error) {
      // One record more than the largest of messages can take.
      if (error instanceof MessageError) return serverFailure(query, NAME, error);
      throw error;
    }
  }

  #unknown(query: Query): Answer | Promise<Answer> {
    if (isInside(query, this.#fallthroughUnsure)) return this.#standIn(query);
    const error = new NotSyncedError("the objects of the cluster are not known yet");
    return {
      ...serverFailure(query, NAME, error),
      extendedError: { code: EDE_NOT_READY, text: "Kubernetes objects are not known yet" },
    };
  }

  /** The next plugin's answer, for a short while: the objects may say something else when they are known. */
  async #standIn(query: Query): Promise<Answer> {
    const answer = await this.#next.serve(query);
    const scan = new ResponseScan();
    if (scanResponse(answer.wire, 0, answer.wire.length, scan) !== 0) return answer;
    const wire = answer.wire.slice();
    capTtls(wire, 0, scan.ttlAts, scan.ttlCount, STAND_IN_TTL_S);
    return { ...answer, wire };
  }
}

function isSure(cluster: Cluster): boolean {
  return cluster.isSynced && cluster.staleReason === undefined;
}

function isInside({ wire }: Query, zones: readonly Uint8Array[]): boolean {
  return zones.some((zone) => isBelow(wire, HEADER_BYTES, zone));
}

function isNameOf({ wire, view }: Query, name: Uint8Array): boolean {
  return name.length === view.nameLength && sameName(wire, HEADER_BYTES, name, 0, name.length);
}

/** @returns undefined for a text that is no domain name */
function wireName(text: string): Uint8Array | undefined {
  try {
    return nameFromText(text);
  } catch {
    return undefined;
  }
}
