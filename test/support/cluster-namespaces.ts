/**
 * A cluster of one node in network namespaces: a pod, the node with rules like kube-proxy's, and a network beyond it with two
 * cluster DNS servers and an external resolver. Both families.
 *
 *     pod 10.244.0.5 --- cni0 [ node ] eth0 192.168.77.1 --- beyond: 10.244.1.2, 10.244.1.3 (cluster DNS)
 *     fd00:244::5                      fd00:77::1                    198.51.100.53 (external)
 *
 * Services: 10.96.0.10 and fd00:96::a (kube-dns), 10.96.0.11 and fd00:96::b (kube-dns-upstream), UDP and TCP 53, to both servers.
 * Namespaces have names of this process, and everything in them ends with `close`.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { FixedServer, SeenQuery } from "./fixed-answer-server.worker.ts";

export type ProxyMode = "iptables" | "nftables" | "none";
export type Place = "pod" | "node" | "beyond";

export const SERVICES = ["10.96.0.10", "fd00:96::a"] as const;
export const UPSTREAM_SERVICES = ["10.96.0.11", "fd00:96::b"] as const;
/** Where no Service is. */
export const LOCAL_ADDRESSES = ["169.254.20.10", "fd00:20::10"] as const;
export const ENDPOINTS = ["10.244.1.2", "10.244.1.3", "fd00:244:1::2", "fd00:244:1::3"] as const;
export const EXTERNAL_RESOLVER = "198.51.100.53";
/** What each of those answers with. */
export const CLUSTER_ANSWERS: readonly string[] = ["192.0.2.1", "192.0.2.2"];
export const EXTERNAL_ANSWER = "192.0.2.9";

const POD_NETWORKS = { ip: "10.244.0.0/24", ip6: "fd00:244::/64" } as const;
/** A machine with much else to do starts Node.js slowly. */
const START_TIMEOUT_MS = 30_000;
let made = 0;

export interface Started {
  readonly child: ChildProcess;
  /** Standard output and error so far. */
  output(): string;
  lines(): string[];
  /** Resolves once the output has this text. */
  until(text: string): Promise<void>;
  /** Sends a signal to it and to what it started, and waits for its end. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

export class ClusterNamespaces {
  readonly #prefix: string;
  readonly #started: Started[] = [];
  #servers: Started | undefined;

  /** Makes the namespaces and starts the servers beyond the node. */
  static async open(proxyMode: ProxyMode): Promise<ClusterNamespaces> {
    const cluster = new ClusterNamespaces();
    try {
      cluster.#wire();
      if (proxyMode === "iptables") cluster.#proxyByIptables();
      if (proxyMode === "nftables") cluster.nft("node", kubeProxyTables());
      await cluster.#serve();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  private constructor() {
    made += 1;
    this.#prefix = `nodens-${process.pid}-${made}`;
  }

  /** Name of the network namespace. */
  namespace(place: Place): string {
    return `${this.#prefix}-${place}`;
  }

  /** Runs a program there to its end. @returns its standard output; throws when its exit code is not 0 */
  run(place: Place, program: string, ...args: string[]): string {
    return this.runWith(place, "", program, ...args);
  }

  /** @param input standard input of the program */
  runWith(place: Place, input: string, program: string, ...args: string[]): string {
    return execFileSync("ip", ["netns", "exec", this.namespace(place), program, ...args], {
      input,
      encoding: "utf8",
      timeout: 20_000,
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  nft(place: Place, text: string): void {
    this.runWith(place, text, "nft", "-f", "-");
  }

  /** Starts a program there, in a process group of its own. */
  start(place: Place, command: readonly string[], environment: Readonly<Record<string, string>> = {}): Started {
    const child = spawn("ip", ["netns", "exec", this.namespace(place), ...command], {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, ...environment },
    });
    const started = track(child, command.join(" "));
    this.#started.push(started);
    return started;
  }

  /** Starts a script of this folder there, with this Node.js. */
  script(place: Place, name: string, ...args: string[]): Started {
    const path = fileURLToPath(new URL(name, import.meta.url));
    return this.start(place, [process.execPath, path, ...args]);
  }

  /** Queries that came to the servers beyond the node. */
  seen(): SeenQuery[] {
    const lines = this.#servers?.lines() ?? [];
    return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as SeenQuery);
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((each) => each.end("SIGKILL")));
    for (const place of ["pod", "node", "beyond"] as const) {
      try {
        execFileSync("ip", ["netns", "delete", this.namespace(place)], { stdio: "ignore" });
      } catch {
        // It was never made.
      }
    }
  }

  #wire(): void {
    for (const place of ["pod", "node", "beyond"] as const) {
      execFileSync("ip", ["netns", "add", this.namespace(place)]);
      // Else IPv6 addresses cannot be used at once.
      this.run(place, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0");
      this.run(place, "ip", "link", "set", "lo", "up");
    }
    this.run("node", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    const node = [
      `link add cni0 type bridge`,
      `link add pod0 type veth peer name eth0 netns ${this.namespace("pod")}`,
      `link add eth0 type veth peer name eth0 netns ${this.namespace("beyond")}`,
      `link set pod0 master cni0`,
      ...[
        "10.244.0.1/24 dev cni0",
        "fd00:244::1/64 dev cni0",
        "192.168.77.1/24 dev eth0",
        "fd00:77::1/64 dev eth0",
      ].map((address) => `address add ${address}`),
      ...["cni0", "pod0", "eth0"].map((link) => `link set ${link} up`),
      `route add default via 192.168.77.2`,
      `route add ::/0 via fd00:77::2`,
    ];
    const pod = [
      `address add 10.244.0.5/24 dev eth0`,
      `address add fd00:244::5/64 dev eth0`,
      `link set eth0 up`,
      `route add default via 10.244.0.1`,
      `route add ::/0 via fd00:244::1`,
    ];
    const beyond = [
      ...["192.168.77.2/24", "fd00:77::2/64", `${EXTERNAL_RESOLVER}/32`].map((each) => `address add ${each} dev eth0`),
      ...ENDPOINTS.map((each) => `address add ${each}/${each.includes(":") ? 128 : 32} dev lo`),
      `link set eth0 up`,
      `route add ${POD_NETWORKS.ip} via 192.168.77.1`,
      `route add ${POD_NETWORKS.ip6} via fd00:77::1`,
    ];
    for (const [place, lines] of [
      ["node", node],
      ["pod", pod],
      ["beyond", beyond],
    ] as const) {
      this.runWith(place, `${lines.join("\n")}\n`, "ip", "-batch", "-");
    }
  }

  async #serve(): Promise<void> {
    const servers: FixedServer[] = [
      ...ENDPOINTS.map((address, index) => ({ address, answer: CLUSTER_ANSWERS[index % 2] ?? "" })),
      { address: EXTERNAL_RESOLVER, answer: EXTERNAL_ANSWER },
    ];
    this.#servers = this.script("beyond", "./fixed-answer-server.worker.ts", JSON.stringify(servers));
    await this.#servers.until("ready\n");
  }

  /** As kube-proxy in iptables mode makes them (pkg/proxy/iptables/proxier.go), for the two Services. */
  #proxyByIptables(): void {
    for (const family of ["ip", "ip6"] as const) {
      const restore = family === "ip" ? "iptables-nft-restore" : "ip6tables-nft-restore";
      this.runWith("node", kubeProxyChains(family), restore);
    }
  }
}

function ofFamily(family: "ip" | "ip6", addresses: readonly string[]): string[] {
  return addresses.filter((address) => address.includes(":") === (family === "ip6"));
}

function servicesOf(family: "ip" | "ip6"): string[] {
  return ofFamily(family, [...SERVICES, ...UPSTREAM_SERVICES]);
}

function kubeProxyChains(family: "ip" | "ip6"): string {
  const services = servicesOf(family).flatMap((address) => ["udp", "tcp"].map((protocol) => ({ address, protocol })));
  const endpoints = ofFamily(family, ENDPOINTS);
  const target = (address: string): string => (family === "ip" ? `${address}:53` : `[${address}]:53`);
  const chain = (kind: string, ...parts: (string | number)[]): string => `KUBE-${kind}-${parts.join("-")}`;
  return [
    "*nat",
    ":KUBE-SERVICES - [0:0]",
    ":KUBE-POSTROUTING - [0:0]",
    ":KUBE-MARK-MASQ - [0:0]",
    ...services.flatMap(({ protocol }, index) => [
      `:${chain("SVC", index)} - [0:0]`,
      ...endpoints.map((_, which) => `:${chain("SEP", index, which, protocol)} - [0:0]`),
    ]),
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    "-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000",
    "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
    "-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000",
    "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
    ...services.flatMap(({ address, protocol }, index) => [
      `-A KUBE-SERVICES -d ${address} -p ${protocol} -m ${protocol} --dport 53 -j ${chain("SVC", index)}`,
      `-A ${chain("SVC", index)} ! -s ${POD_NETWORKS[family]} -d ${address} -p ${protocol} -m ${protocol} --dport 53 -j KUBE-MARK-MASQ`,
      `-A ${chain("SVC", index)} -m statistic --mode random --probability 0.5 -j ${chain("SEP", index, 0, protocol)}`,
      `-A ${chain("SVC", index)} -j ${chain("SEP", index, 1, protocol)}`,
      ...endpoints.flatMap((endpoint, which) => [
        `-A ${chain("SEP", index, which, protocol)} -s ${endpoint} -j KUBE-MARK-MASQ`,
        `-A ${chain("SEP", index, which, protocol)} -p ${protocol} -m ${protocol} -j DNAT --to-destination ${target(endpoint)}`,
      ]),
    ]),
    "COMMIT",
    "",
  ].join("\n");
}

/** As kube-proxy in nftables mode makes them (pkg/proxy/nftables/proxier.go), for the two Services. */
function kubeProxyTables(): string {
  return (["ip", "ip6"] as const)
    .map((family) => {
      const endpoints = ofFamily(family, ENDPOINTS);
      const targets = endpoints.map((endpoint, index) => `${index} : ${endpoint} . 53`).join(", ");
      return `table ${family} kube-proxy {
  set cluster-ips { type ${family === "ip" ? "ipv4_addr" : "ipv6_addr"}; elements = { ${servicesOf(family).join(", ")} }
  }
  chain services {
    ${family} daddr @cluster-ips meta l4proto { tcp, udp } th dport 53 goto dns
  }
  chain dns {
    ${family} saddr != ${POD_NETWORKS[family]} jump mark-for-masquerade
    meta l4proto { tcp, udp } dnat ${family} to numgen random mod ${endpoints.length} map { ${targets} }
  }
  chain mark-for-masquerade { meta mark set meta mark or 0x4000
  }
  chain masquerading {
    meta mark & 0x4000 == 0 return
    meta mark set meta mark xor 0x4000
    masquerade fully-random
  }
  chain nat-prerouting { type nat hook prerouting priority -100; jump services
  }
  chain nat-output { type nat hook output priority -100; jump services
  }
  chain nat-postrouting { type nat hook postrouting priority 100; jump masquerading
  }
}
`;
    })
    .join("");
}

function track(child: ChildProcess, title: string): Started {
  let output = "";
  const waiting = new Set<() => void>();
  const take = (text: string): void => {
    output += text;
    for (const wake of waiting) wake();
  };
  child.stdout?.setEncoding("utf8").on("data", take);
  child.stderr?.setEncoding("utf8").on("data", take);
  child.stdin?.on("error", () => {});
  const exited = once(child, "exit");
  let ended = false;
  void exited.then(() => {
    ended = true;
    for (const wake of waiting) wake();
  });
  return {
    child,
    output: () => output,
    lines: () => output.split("\n").slice(0, -1),
    until: async (text) =>
      await new Promise<void>((resolve, reject) => {
        const settle = (action: () => void): void => {
          clearTimeout(timer);
          waiting.delete(look);
          action();
        };
        const timer = setTimeout(
          () => settle(() => reject(new Error(`${title}: no "${text}" in ${START_TIMEOUT_MS} ms: ${output}`))),
          START_TIMEOUT_MS,
        );
        const look = (): void => {
          if (output.includes(text)) settle(resolve);
          else if (ended) settle(() => reject(new Error(`${title} ended: ${output}`)));
        };
        waiting.add(look);
        look();
      }),
    end: async (signal = "SIGTERM") => {
      // A group without anybody left is no error: all have ended.
      try {
        process.kill(-(child.pid ?? 0), signal);
      } catch {}
      await exited;
      return child.exitCode;
    },
  };
}
