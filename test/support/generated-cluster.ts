/** Services and EndpointSlices by the thousand, as long as a real server writes them. */
import type { TestApiServer } from "./api-server.ts";

export interface ClusterSize {
  readonly services: number;
  /** Of each Service. */
  readonly endpoints: number;
}

const NAMESPACES = 100;

export function generatedNamespace(index: number): string {
  return `team-${index % NAMESPACES}`;
}

export function generatedService(index: number): string {
  return `service-${index}`;
}

/** Address of a Service; `change` makes another. */
export function generatedAddress(index: number, change = 0): string {
  return `10.${96 + (change % 100)}.${index >> 8}.${index & 0xff}`;
}

/** Fills the server; watches that run are not told. */
export function generateCluster(server: TestApiServer, { services, endpoints }: ClusterSize): void {
  server.fill("namespaces", NAMESPACES, (index, version) => {
    const name = generatedNamespace(index);
    const labels = { "kubernetes.io/metadata.name": name };
    return written("v1", "Namespace", { name, labels }, version, { status: { phase: "Active" } });
  });
  server.fill("services", services, (index, version) =>
    written("v1", "Service", placed(index, generatedService(index)), version, serviceBody(index, 0)),
  );
  server.fill("endpointslices", services, (index, version) => {
    const service = generatedService(index);
    const metadata = {
      ...placed(index, `${service}-x7k2q`),
      labels: { app: service, "kubernetes.io/service-name": service },
    };
    return written("discovery.k8s.io/v1", "EndpointSlice", metadata, version, sliceBody(index, endpoints));
  });
}

/** Gives a Service another address, and tells all who watch. @see generatedAddress */
export function changeService(server: TestApiServer, index: number, change: number): void {
  server.put("services", { metadata: placed(index, generatedService(index)), ...serviceBody(index, change) });
}

function placed(
  index: number,
  name: string,
): { readonly namespace: string; readonly name: string; readonly labels: object } {
  const labels = { app: generatedService(index), "app.kubernetes.io/managed-by": "Helm", tier: `tier-${index % 3}` };
  return { namespace: generatedNamespace(index), name, labels };
}

function serviceBody(index: number, change: number): object {
  const ip = generatedAddress(index, change);
  return {
    spec: {
      ports: [
        { name: "http", protocol: "TCP", port: 80, targetPort: 8080 },
        { name: "metrics", protocol: "TCP", port: 9090, targetPort: "metrics" },
      ],
      selector: { app: generatedService(index) },
      clusterIP: ip,
      clusterIPs: [ip],
      type: "ClusterIP",
      sessionAffinity: "None",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      internalTrafficPolicy: "Cluster",
    },
    status: { loadBalancer: {} },
  };
}

function sliceBody(index: number, endpoints: number): object {
  const namespace = generatedNamespace(index);
  return {
    addressType: "IPv4",
    endpoints: Array.from({ length: endpoints }, (_, place) => {
      const number = index * endpoints + place;
      const name = `${generatedService(index)}-6d4cf56db6-${number.toString(36).padStart(5, "0")}`;
      return {
        addresses: [`10.${128 + (number >> 16)}.${(number >> 8) & 0xff}.${number & 0xff}`],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: `worker-${number % 200}.example.internal`,
        targetRef: { kind: "Pod", namespace, name, uid: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}` },
        zone: `zone-${number % 3}`,
      };
    }),
    ports: [
      { name: "http", protocol: "TCP", port: 8080 },
      { name: "metrics", protocol: "TCP", port: 9090 },
    ],
  };
}

interface Named {
  readonly namespace?: string;
  readonly name: string;
}

function written(
  apiVersion: string,
  kind: string,
  metadata: Named & { readonly labels: object },
  version: number,
  body: object,
): { readonly namespace: string; readonly name: string; readonly json: string } {
  const fields = { "f:metadata": { "f:labels": { ".": {}, "f:app": {}, "f:tier": {} } }, "f:spec": { "f:ports": {} } };
  const json = JSON.stringify({
    apiVersion,
    kind,
    metadata: {
      ...metadata,
      uid: `11111111-0000-4000-8000-${String(version).padStart(12, "0")}`,
      resourceVersion: String(version),
      creationTimestamp: "2026-01-02T03:04:05Z",
      annotations: {
        "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({ apiVersion, kind, metadata }),
      },
      managedFields: [
        {
          manager: "helm",
          operation: "Update",
          apiVersion,
          time: "2026-01-02T03:04:05Z",
          fieldsType: "FieldsV1",
          fieldsV1: fields,
        },
      ],
    },
    ...body,
  });
  return { namespace: metadata.namespace ?? "", name: metadata.name, json };
}
