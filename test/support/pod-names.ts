/** A thousand pods of a node: names, addresses, and a manifest of them. */

export function podAddress(pod: number): string {
  return `10.244.${1 + Math.floor(pod / 250)}.${1 + (pod % 250)}`;
}

export function podNamespace(pod: number): string {
  return `team-${pod % 7}`;
}

export function podName(pod: number): string {
  return `worker-${pod}`;
}

/** As `kubectl get pods -o yaml` has them, in short. */
export function podManifests(count: number, node: string): string {
  return Array.from(
    { length: count },
    (_, pod) => `apiVersion: v1
kind: Pod
metadata: { name: ${podName(pod)}, namespace: ${podNamespace(pod)} }
spec: { nodeName: ${node} }
status: { phase: Running, podIP: ${podAddress(pod)}, podIPs: [{ ip: ${podAddress(pod)} }] }
`,
  ).join("---\n");
}
