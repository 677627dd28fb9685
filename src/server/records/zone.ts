/** Zones that a cluster's records are served in, and names below them. */
import { isBelow, lowerCaseName } from "../../dns/name.ts";
import { nameFromText } from "../../dns/name-text.ts";

export interface ClusterZone {
  /** Absolute, lower case. */
  readonly text: string;
  /** Wire form, lower case. */
  readonly name: Uint8Array;
  readonly multicluster: boolean;
  /** Below in-addr.arpa or ip6.arpa: for names of addresses. */
  readonly reverse: boolean;
}

/** @param text absolute, lower case */
export function clusterZone(text: string, multicluster: boolean): ClusterZone {
  const name = nameFromText(text);
  lowerCaseName(name, 0, name.length);
  return { text, name, multicluster, reverse: /(^|\.)(in-addr|ip6)\.arpa\.$/.test(text) };
}

/** The longest zone that holds the uncompressed name at `at`. */
export function zoneOf(zones: readonly ClusterZone[], bytes: Uint8Array, at: number): ClusterZone | undefined {
  let longest: ClusterZone | undefined;
  for (const zone of zones) {
    if (zone.name.length > (longest?.name.length ?? 0) && isBelow(bytes, at, zone.name)) longest = zone;
  }
  return longest;
}

/**
 * Labels of a name without those of its zone, lower case, one character a byte.
 *
 * @param length of the uncompressed name at `at`, in bytes
 */
export function labelsBelow(bytes: Uint8Array, at: number, length: number, zone: ClusterZone): string[] {
  const labels: string[] = [];
  const end = at + length - zone.name.length;
  for (let cursor = at; cursor < end; cursor += (bytes[cursor] ?? 0) + 1) {
    let label = "";
    const after = cursor + 1 + (bytes[cursor] ?? 0);
    for (let i = cursor + 1; i < after; i++) {
      const byte = bytes[i] ?? 0;
      label += String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
    }
    labels.push(label);
  }
  return labels;
}

/** @returns the name in wire form; undefined when a label or the whole is too long */
export function nameBelow(labels: readonly string[], zone: ClusterZone): Uint8Array | undefined {
  let length = zone.name.length;
  for (const label of labels) {
    if (label.length === 0 || label.length > 63) return undefined;
    length += label.length + 1;
  }
  if (length > 255) return undefined;
  const name = new Uint8Array(length);
  let at = 0;
  for (const label of labels) {
    name[at++] = label.length;
    for (let i = 0; i < label.length; i++) name[at++] = label.charCodeAt(i);
  }
  name.set(zone.name, at);
  return name;
}
