import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Endpoint, EndpointSlice, Port, Service } from "../../kube/objects.ts";
import { EndpointNews } from "./endpoint-news.ts";
import { ServiceTable } from "./service-table.ts";
import { SliceTable } from "./slice-table.ts";

const DNS: Port = { name: "dns", port: 5353, protocol: "udp" };

function slice(service: string, ready: readonly string[], notReady: readonly string[] = []): EndpointSlice {
  const endpoint = (address: string, isReady: boolean): Endpoint => ({
    addresses: [address],
    ready: isReady,
    hostname: "",
    pod: "",
    node: "",
    zone: "",
  });
  return {
    namespace: "kube-system",
    name: `${service}-1`,
    service,
    cluster: "",
    addressType: "IPv4",
    ports: [{ name: "dns-tcp", port: 53, protocol: "tcp" }, DNS],
    endpoints: [
      ...ready.map((address) => endpoint(address, true)),
      ...notReady.map((address) => endpoint(address, false)),
    ],
    changedAtMs: 0,
  };
}

function service(name: string, clusterIPs: readonly string[]): Service {
  return {
    namespace: "kube-system",
    name,
    labels: {},
    type: "ClusterIP",
    clusterIPs,
    headless: false,
    externalName: "",
    ports: [],
    publishNotReadyAddresses: false,
  };
}

interface Heard {
  readonly services: ServiceTable;
  readonly slices: SliceTable;
  readonly dns: (readonly string[])[];
  readonly gone: string[];
  readonly news: EndpointNews;
}

function listening(): Heard {
  const services = new ServiceTable(() => 0);
  const slices = new SliceTable(() => 0);
  const dns: (readonly string[])[] = [];
  const gone: string[] = [];
  const news = new EndpointNews(services, slices, {
    clusterDns: { namespace: "kube-system", name: "kube-dns" },
    onClusterDns: (endpoints) => dns.push(endpoints),
    onGone: (address) => gone.push(address),
  });
  return { services, slices, dns, gone, news };
}

describe("the endpoints of the cluster's DNS", () => {
  it("are told when they are others, ready ones alone, with the port behind the Service", async () => {
    const { slices, dns } = listening();
    await turn();
    assert.deepEqual(dns, []);
    const two = slice("kube-dns", ["10.244.2.2", "fd00:0:0::2"], ["10.244.3.2"]);
    slices.put(two, undefined);
    await turn();
    const same = { ...two };
    slices.put(same, two);
    await turn();
    assert.deepEqual(dns, [["10.244.2.2:5353", "[fd00::2]:5353"]]);
    slices.put(slice("other", ["10.244.9.9"]), undefined);
    await turn();
    assert.equal(dns.length, 1);
    slices.put(slice("kube-dns", ["10.244.2.2"]), same);
    await turn();
    assert.deepEqual(dns.at(-1), ["10.244.2.2:5353"]);
  });

  it("are not told as none: where nothing is known, what was known is better", async () => {
    const { slices, dns } = listening();
    const one = slice("kube-dns", ["10.244.2.2"]);
    slices.put(one, undefined);
    await turn();
    slices.removed(one);
    await turn();
    assert.deepEqual(dns, [["10.244.2.2:5353"]]);
  });
});

describe("an endpoint that goes away", () => {
  it("is told with the addresses of its Service, and one that comes is not", async () => {
    const { services, slices, gone } = listening();
    services.put(service("upstream", ["10.96.0.11", "fd00:96::b"]), undefined);
    const both = slice("upstream", ["10.244.1.2", "10.244.2.2"]);
    slices.put(both, undefined);
    await turn();
    assert.deepEqual(gone, []);
    const one = slice("upstream", ["10.244.1.2"], ["10.244.2.2"]);
    slices.put(one, both);
    await turn();
    assert.deepEqual(gone, ["10.244.2.2", "10.96.0.11", "fd00:96::b"]);
    slices.put(both, one);
    await turn();
    assert.equal(gone.length, 3);
    slices.removed(both);
    await turn();
    assert.deepEqual(gone.slice(3), ["10.244.1.2", "10.96.0.11", "fd00:96::b", "10.244.2.2"]);
  });

  it("is told no more after the end", async () => {
    const { slices, gone, dns, news } = listening();
    const one = slice("kube-dns", ["10.244.1.2"]);
    slices.put(one, undefined);
    news.stop();
    slices.removed(one);
    await turn();
    assert.deepEqual([gone, dns], [[], []]);
  });
});
