/** The first label of an endpoint's own name. */
import { isIpAddress } from "../../base/address.ts";
import type { Endpoint } from "../../kube/objects.ts";
import { canonicalAddress } from "./canonical-address.ts";

/** Longest label of a name. */
const LABEL_MAX = 63;

/** @param usesPodNames an endpoint without a hostname is called as its pod, if that fits (`endpoint_pod_names`) */
export function endpointName({ hostname, pod }: Endpoint, address: string, usesPodNames: boolean): string {
  if (hostname !== "") return hostname.toLowerCase();
  if (usesPodNames && pod !== "" && pod.length <= LABEL_MAX) return pod.toLowerCase();
  return dashedAddress(address);
}

/** `10-244-1-3`, `fd00--1`; no label ends in a dash. */
export function dashedAddress(address: string): string {
  const text = canonicalAddress(address);
  if (!text.includes(":")) return text.replaceAll(".", "-");
  const dashed = text.replaceAll(":", "-");
  return dashed.endsWith("-") ? `${dashed}0` : dashed;
}

/** The address that a label stands for, canonical. @returns undefined when it stands for none */
export function addressOfLabel(label: string): string | undefined {
  const isIpv4 = /^\d{1,3}(-\d{1,3}){3}$/.test(label);
  const text = isIpv4 ? label.replaceAll("-", ".") : label.replaceAll("-", ":");
  if (isIpv4 ? !isIpAddress(text) : !isIpAddress(text) || !text.includes(":")) return undefined;
  return canonicalAddress(text);
}
