/**
 * The servers that are compared, each as a plain forwarder that does not validate, with the best settings we know.
 *
 * One thread each (Nodens: its default). Configurations are written into the bench's temporary folder.
 */
import { existsSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { versionLine } from "./children.ts";

export interface Launch {
  readonly port: number;
  readonly upstreamPort: number;
  /** Ask the upstream by TCP only. */
  readonly forceTcp: boolean;
  /** Queries that will wait for the upstream at once, at most. */
  readonly waiting: number;
  /** Where `files` are written. */
  readonly directory: string;
}

export interface LaunchPlan {
  readonly command: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

export interface ServerKind {
  readonly name: string;
  /** undefined: not installed. */
  version(): string | undefined;
  /** undefined: this server cannot do what is asked. */
  plan(launch: Launch): LaunchPlan | undefined;
}

/** Answers that each server may keep, at least: the memory bench stores 10,000. */
const CACHE_ENTRIES = 20_000;

function corefile({ port, upstreamPort, forceTcp }: Launch): string {
  return `.:${port} {
    bind 127.0.0.1
    cache 3600 {
        success ${CACHE_ENTRIES} 3600
        denial ${CACHE_ENTRIES} 3600
    }
    forward . 127.0.0.1:${upstreamPort}${forceTcp ? " {\n        force_tcp\n    }" : ""}
}
`;
}

const nodensLauncher = fileURLToPath(new URL("../bin/nodens.js", import.meta.url));
const nodensCompiled = fileURLToPath(new URL("../dist/nodens/main.js", import.meta.url));

/** What users get is compiled: that is taken where it was built, and named with its age. */
export function nodensCommand(...args: string[]): string[] {
  const compiled = existsSync(nodensCompiled) ? ["env", "NODENS_DIST=1"] : [];
  return [...compiled, process.execPath, nodensLauncher, ...args];
}

function nodensVersion(): string | undefined {
  if (!existsSync(nodensLauncher)) return undefined;
  const version = versionLine(process.execPath, [nodensLauncher, "--version"], /(\d+\.\d+\.\d+\S*)/);
  if (!existsSync(nodensCompiled)) return `${version} (from source)`;
  return `${version} (compiled ${statSync(nodensCompiled).mtime.toISOString()})`;
}

export const nodens: ServerKind = {
  name: "nodens",
  version: nodensVersion,
  plan: (launch) => ({
    command: nodensCommand("serve", "-c", `${launch.directory}/Corefile`),
    files: { Corefile: corefile(launch) },
  }),
};

const unbound: ServerKind = {
  name: "unbound",
  version: () => versionLine("unbound", ["-V"], /Version (\S+)/),
  plan: ({ port, upstreamPort, forceTcp, directory }) => ({
    command: ["unbound", "-d", "-p", "-c", `${directory}/unbound.conf`],
    files: {
      "unbound.conf": `server:
    directory: "${directory}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    verbosity: 0
    do-daemonize: no
    interface: 127.0.0.1
    port: ${port}
    do-ip6: no
    num-threads: 1
    so-reuseport: yes
    so-rcvbuf: 4m
    so-sndbuf: 4m
    module-config: "iterator"
    msg-cache-size: 64m
    rrset-cache-size: 128m
    minimal-responses: yes
    rrset-roundrobin: no
    qname-minimisation: no
    extended-statistics: no
    outgoing-range: 8192
    num-queries-per-thread: 4096
    outgoing-num-tcp: 256
    incoming-num-tcp: 256
    do-not-query-localhost: no
    tcp-upstream: ${forceTcp ? "yes" : "no"}
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@${upstreamPort}
`,
    },
  }),
};

const dnsdist: ServerKind = {
  name: "dnsdist",
  version: () => versionLine("dnsdist", ["--version"], /dnsdist (\S+)/),
  plan: ({ port, upstreamPort, forceTcp, directory }) => ({
    command: ["dnsdist", "--supervised", "--disable-syslog", "-C", `${directory}/dnsdist.conf`],
    files: {
      // Without setUp() it asks the upstream for a.root-servers.net and takes it for dead.
      "dnsdist.conf": `setUDPMultipleMessagesVectorSize(64)
setSecurityPollSuffix("")
addLocal("127.0.0.1:${port}", {reusePort=true})
newServer{address="127.0.0.1:${upstreamPort}"${forceTcp ? ", tcpOnly=true, maxInFlight=1000" : ""}}
getServer(0):setUp()
pc = newPacketCache(200000, {numberOfShards=20})
getPool(""):setCache(pc)
`,
    },
  }),
};

/** dnsmasq's default. */
const FORWARD_MAX = 150;

const dnsmasq: ServerKind = {
  name: "dnsmasq",
  version: () => versionLine("dnsmasq", ["--version"], /version (\S+)/),
  plan: ({ port, upstreamPort, forceTcp, waiting }) => {
    if (forceTcp) return undefined;
    // Not more than is needed: 10,000 make each hit cost it 14 µs instead of 6, and each miss 570.
    const most = waiting > FORWARD_MAX ? [`--dns-forward-max=${waiting}`] : [];
    const { username } = userInfo();
    const own = [
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--pid-file=",
      "--log-facility=-",
      `--user=${username}`,
    ];
    const listen = [`--port=${port}`, "--listen-address=127.0.0.1", "--bind-interfaces", "--no-hosts", "--no-resolv"];
    const forward = [`--server=127.0.0.1#${upstreamPort}`, `--cache-size=${CACHE_ENTRIES}`, ...most];
    return { command: ["dnsmasq", ...own, ...listen, ...forward], files: {} };
  },
};

export const PEERS: readonly ServerKind[] = [unbound, dnsdist, dnsmasq];

/**
 * A server given on the command line.
 *
 * @param command for `sh`, in which {port}, {upstream} (a port of 127.0.0.1) and {corefile} (a path) are put in. Only
 *   one that takes a Corefile can be told to use TCP upstream.
 */
export function namedPeer(name: string, command: string): ServerKind {
  return {
    name,
    version: () => "given by --peer",
    plan: (launch) => {
      if (launch.forceTcp && !command.includes("{corefile}")) return undefined;
      const filled = command
        .replaceAll("{port}", String(launch.port))
        .replaceAll("{upstream}", String(launch.upstreamPort))
        .replaceAll("{corefile}", `${launch.directory}/Corefile`);
      return { command: ["sh", "-c", `exec ${filled}`], files: { Corefile: corefile(launch) } };
    },
  };
}
