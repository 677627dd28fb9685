/**
 * A pod with `ndots:5` and four search domains behind the cache of its node, through glibc, in namespaces of their own.
 *
 * Two servers that differ in `autopath` alone; whatever the first answers, the second must answer too.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { missing } from "../support/machine.ts";
import { run } from "../support/nodens-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const MANIFESTS = `
{ apiVersion: v1, kind: Namespace, metadata: { name: shop } }
---
{ apiVersion: v1, kind: Namespace, metadata: { name: bank } }
---
{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: shop },
  spec: { clusterIP: 10.96.0.11, clusterIPs: [10.96.0.11, "fd00:96::b"], ports: [{ name: http, port: 80 }] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: vault, namespace: bank },
  spec: { clusterIP: 10.96.0.12, clusterIPs: [10.96.0.12], ports: [{ name: http, port: 80 }] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: six, namespace: bank },
  spec: { clusterIP: "fd00:96::6", clusterIPs: ["fd00:96::6"], ports: [{ name: http, port: 80 }] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: partner, namespace: shop },
  spec: { type: ExternalName, externalName: www.example.org } }
---
{ apiVersion: v1, kind: Pod, metadata: { name: client, namespace: shop },
  spec: { nodeName: worker-1, dnsPolicy: ClusterFirst, DNS },
  status: { phase: Running, podIP: 10.244.1.11, podIPs: [{ ip: 10.244.1.11 }, { ip: "fd00:244::b" }] } }
---
{ apiVersion: v1, kind: Pod, metadata: { name: elsewhere, namespace: bank },
  spec: { nodeName: worker-2, dnsPolicy: ClusterFirst }, status: { phase: Running, podIP: 10.244.1.12 } }
`;

/** What is outside the cluster, by name: addresses of either family. */
const OUTSIDE_NAMES: Readonly<Record<string, readonly string[]>> = {
  "www.example.org.": ["192.0.2.80", "2001:db8::80"],
  "v4only.example.org.": ["192.0.2.81"],
  "v6only.example.org.": ["2001:db8::82"],
  "short.": ["192.0.2.83"],
  "printer.corp.example.": ["192.0.2.84"],
  "a.b.c.d.e.f.example.net.": ["192.0.2.85"],
  "prod.": ["192.0.2.86"],
};

/** The resolver behind the node. */
function outside(): string {
  const soa = 'authority ". 30 IN SOA ns. hostmaster. 1 7200 1800 86400 30"';
  const template = (question: string, lines: string): string => `    template IN ${question} {\n${lines}\n}\n`;
  const named = Object.entries(OUTSIDE_NAMES).flatMap(([name, addresses]) => {
    const match = `match (?i)^${name.replaceAll(".", "[.]")}$`;
    const answers = addresses.map((address) => {
      const type = address.includes(":") ? "AAAA" : "A";
      return template(`${type} .`, `${match}\nanswer "{{ .Name }} 60 IN ${type} ${address}"\nfallthrough`);
    });
    return [...answers, template("ANY .", `${match}\n${soa}\nfallthrough`)];
  });
  const wild = [
    template("A wild.example", 'answer "{{ .Name }} 60 IN A 192.0.2.99"'),
    template("ANY wild.example", soa),
    template("ANY .", `rcode NXDOMAIN\n${soa}`),
  ];
  return `. {\n    bind 127.0.0.1\n${[...named, ...wild].join("")}}\n`;
}

const NODE = `. {
    bind ADDRESSES
    log . "{name} {type}"
    errors
    AUTOPATH
    cache 30
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        manifests FOLDER/manifests
        node_pods worker-1
        resolv_conf FOLDER/node.conf
    }
    forward . 127.0.0.1
}
`;

const NAMES = [
  // Short names of Services, of this namespace and of others, dotted and whole.
  "web",
  "WEB",
  "web.shop",
  "web.shop.svc",
  "web.shop.svc.cluster.local",
  "web.shop.svc.cluster.local.",
  "vault",
  "vault.bank",
  "vault.bank.svc",
  "six.bank",
  "partner",
  // Names outside.
  "www.example.org",
  "www.example.org.",
  "WWW.Example.Org",
  "v4only.example.org",
  "v6only.example.org",
  "a.b.c.d.e.f.example.net",
  "short",
  "short.",
  "printer",
  "printer.corp.example",
  "prod",
  // Names that are a namespace's, or a part of the cluster's.
  "bank",
  "svc",
  "shop.svc",
  "cluster.local",
  // Nowhere.
  "nothing",
  "nothing.shop",
  "nothing.example.org",
  "nothing.shop.svc.cluster.local",
  "nothing.",
];

function script(folder: string): string {
  const nodens = (config: string): string =>
    `${process.execPath} ${ROOT}/bin/nodens.js serve -c ${folder}/${config} >${folder}/${config}.log 2>&1 & pids="$pids $!"; until grep -q '^Nodens-' ${folder}/${config}.log; do kill -0 $!; sleep 0.05; done`;
  return `set -e
pids=
ip link set lo up
mount --bind ${folder}/resolv.conf /etc/resolv.conf
unshare --net sleep 300 & pod=$!; pids="$pids $!"
sleep 0.2
ip link add node0 type veth peer name eth0 netns $pod
ip link set node0 up
for a in 10.244.1.1/24 10.244.1.2/24; do ip addr add $a dev node0; done
for a in fd00:244::1/64 fd00:244::2/64; do ip addr add $a dev node0 nodad; done
in_pod="nsenter -t $pod -n"
$in_pod ip link set lo up
$in_pod ip addr add 10.244.1.11/24 dev eth0
$in_pod ip addr add fd00:244::b/64 dev eth0 nodad
$in_pod ip link set eth0 up
${nodens("outside")}
${nodens("with")}
${nodens("without")}
ask() { # server, search domains, names…
  printf 'nameserver %s\\nsearch %s\\noptions ndots:5 timeout:2 attempts:1\\n' "$1" "$2" >${folder}/resolv.conf
  shift 2
  for name in "$@"; do echo "== $name"; $in_pod getent ahosts "$name" || true; done
}
cluster="shop.svc.cluster.local svc.cluster.local cluster.local"
for which in 1 2; do
  echo "#### names $which"
  ask 10.244.1.$which "$cluster corp.example FOURTH" ${NAMES.join(" ")}
done
echo "#### ipv6"
ask fd00:244::1 "$cluster corp.example FOURTH" www.example.org
for config in with without; do
  before=$(wc -l <${folder}/$config.log)
  echo "#### wire $config"
  case $config in with) server=10.244.1.1;; *) server=10.244.1.2;; esac
  ask $server "$cluster corp.example FOURTH" www.example.org v4only.example.org
  sleep 0.2
  tail -n +$((before + 1)) ${folder}/$config.log | grep example | sed 's/^/log /'
done
kill $pids
wait 2>/dev/null || true
`;
}

/** `== name` blocks of a part of the output. */
function answersOf(output: string, part: string): Map<string, string> {
  const text = output.split(`#### ${part}\n`)[1]?.split("####")[0] ?? assert.fail(output);
  return new Map(
    text
      .split("== ")
      .slice(1)
      .map((block) => {
        const [name = "", ...lines] = block.trim().split("\n");
        return [name, lines.map((line) => line.replaceAll(/\s+/g, " ").trim()).join("\n")];
      }),
  );
}

describe("autopath on the node", { skip: missing("linux", "namespaces", "ip", "getent") }, () => {
  for (const [title, dns, fourth] of [
    ["a pod with kubelet's list", "dnsConfig: {}", ""],
    ["a pod whose own search domain has every name", "dnsConfig: { searches: [wild.example] }", "wild.example"],
  ] as const) {
    describe(title, () => {
      let folder = "";
      let output = "";
      before(async () => {
        folder = mkdtempSync(join(tmpdir(), "nodens-autopath-"));
        mkdirSync(join(folder, "manifests"));
        const file = (name: string, text: string): void => writeFileSync(join(folder, name), text);
        file("manifests/cluster.yaml", MANIFESTS.replace("DNS", dns));
        file("resolv.conf", "nameserver 127.0.0.1\n");
        file("node.conf", "search corp.example\n");
        file("outside", outside());
        const node = (autopath: string, addresses: string): string =>
          NODE.replaceAll("FOLDER", folder).replace("AUTOPATH", autopath).replace("ADDRESSES", addresses);
        file("with", node("autopath @kubernetes", "10.244.1.1 fd00:244::1"));
        file("without", node("", "10.244.1.2 fd00:244::2"));
        const namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
        const text = script(folder).replaceAll("FOURTH", fourth);
        output = await run("unshare", [...namespaces, "bash", "-c", text], 120_000);
      });
      after(() => rmSync(folder, { recursive: true }));

      it("gives every name of the table what it has without", () => {
        const withIt = answersOf(output, "names 1");
        const without = answersOf(output, "names 2");
        assert.equal(withIt.size, NAMES.length);
        assert.ok([...without.values()].filter((text) => text !== "").length >= 18, output);
        for (const name of NAMES) assert.equal(withIt.get(name), without.get(name), name);
      });

      it("takes one question pair in place of five", () => {
        const counts = ["with", "without"].map(
          (config) =>
            (
              output
                .split(`#### wire ${config}\n`)[1]
                ?.split("####")[0]
                ?.match(/^log .*$/gm) ?? []
            ).length,
        );
        // Two names, A and AAAA each; without, each of them in the four domains and then alone, or until the wild one has it.
        assert.deepEqual(counts, [4, 20]);
      });

      it("knows the pod by its IPv6 address too", () => {
        assert.match(
          answersOf(output, "ipv6").get("www.example.org") ?? "",
          fourth === "" ? /192\.0\.2\.80/ : /192\.0\.2\.99/,
        );
      });
    });
  }
});
