/** Golden files beside this: templates of deployed manifests, and what node-cache 1.26.5 makes of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fillTemplate, serviceVariable, type TemplateValues } from "./corefile-template.ts";
import { NO_KUBE_DNS_CONFIG } from "./kube-dns-config.ts";

const VALUES: TemplateValues = {
  localIps: ["169.254.20.10", "10.96.0.10"],
  port: 53,
  clusterDns: "10.96.134.149",
  prometheusAddress: ":9253",
};
const CUSTOM = {
  stubDomains: new Map([
    ["acme.local", ["1.1.1.1"]],
    ["google.local", ["8.8.8.8"]],
    ["widget.local", ["2.2.2.2:10053", "3.3.3.3"]],
  ]),
  upstreamNameservers: ["2.2.2.2:10053", "3.3.3.3"],
};

const golden = (name: string): string => readFileSync(new URL(`golden/${name}`, import.meta.url), "utf8");

describe("a template", () => {
  it("of 1.26 becomes a Corefile with the system's resolvers", () => {
    const filled = fillTemplate(golden("1.26.base"), VALUES, NO_KUBE_DNS_CONFIG);
    assert.equal(filled.text, golden("1.26.corefile"));
    assert.deepEqual([filled.upstreams, filled.noTcpBlock], ["/etc/resolv.conf", false]);
  });

  it("of before 1.22, with TCP upstream, becomes one that asks the ConfigMap's servers over UDP", () => {
    const filled = fillTemplate(golden("1.22.base"), VALUES, CUSTOM);
    assert.equal(filled.text, golden("1.22-custom.corefile"));
    assert.deepEqual([filled.upstreams, filled.noTcpBlock], ["2.2.2.2:10053 3.3.3.3", false]);
  });

  it("of the newest version has the address of Prometheus, and IPv6 addresses stay as they are", () => {
    const values = {
      localIps: ["fd00:169:254::1", "fd00:1:2:3::5"],
      port: 5353,
      clusterDns: "2001:db8::1",
      prometheusAddress: "[fd00::7]:9253",
    };
    const config = {
      stubDomains: new Map([["widget.local", ["[2001:db8:2:2:2::2]:10053", "2001:db8:3:3:3::3"]]]),
      upstreamNameservers: [],
    };
    assert.equal(fillTemplate(golden("newest.base"), values, config).text, golden("newest.corefile"));
  });

  it("with other indentation keeps TCP, and that is told", () => {
    const template = ".:53 {\n  forward . __PILLAR__UPSTREAM__SERVERS__ {\n    force_tcp\n  }\n}\n";
    const filled = fillTemplate(template, VALUES, { ...CUSTOM, stubDomains: new Map() });
    assert.equal(filled.text, ".:53 {\n  forward . 2.2.2.2:10053 3.3.3.3 {\n    force_tcp\n  }\n}\n");
    assert.equal(filled.noTcpBlock, true);
  });

  it("without an upstream Service says so where Go would: <nil>", () => {
    const values = { ...VALUES, clusterDns: undefined };
    assert.equal(fillTemplate("__PILLAR__CLUSTER__DNS__", values, NO_KUBE_DNS_CONFIG).text, "<nil>");
  });

  it("is filled everywhere, in comments and with what looks like a pattern", () => {
    const values = { ...VALUES, prometheusAddress: "$&" };
    assert.equal(
      fillTemplate("# __PILLAR__LOCAL__DNS__ __PROMETHEUS__ENDPOINT__", values, NO_KUBE_DNS_CONFIG).text,
      "# 169.254.20.10 10.96.0.10 $&",
    );
  });
});

describe("the variable of a Service", () => {
  it("is the one that Kubernetes sets", () => {
    assert.equal(serviceVariable("kube-dns-upstream"), "KUBE_DNS_UPSTREAM_SERVICE_HOST");
  });
});
