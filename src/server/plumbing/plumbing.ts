/**
 * What the node is changed into so that queries of its pods come here: an interface with addresses, and packet rules.
 *
 * It is declared as a whole (`PlumbingSpec`), applied as a difference, applied twice without effect, and removed on
 * request. Whoever holds a `Plumbing` is the keeper, or the server where there is no keeper: it outlives servers.
 *
 * Order of a life: `ensureInterface`, then sockets are bound and answers are ready, then `ensureRules` and the lease every
 * `LEASE_REFRESH_MS`, and both again at each check. At the end `removeRules`, then what is in flight is answered, then
 * `removeInterface`, whether an interface was to be set up or not. When another instance has taken over, nothing is removed:
 * it is the other's now.
 */

/** The lease lets queries of the node's own processes in (`design: rules gated on the socket`); it is refreshed this often. */
export const LEASE_REFRESH_MS = 300;
/** …and ends by itself after this, when nobody refreshes it. */
export const LEASE_MS = 1000;

/** `auto` is resolved when the plumbing is opened. */
export type Intercept = "auto" | "address" | "rewrite" | "none";
export type RuleBackend = "auto" | "nftables" | "iptables";

export interface PlumbingSpec {
  /** Link that carries `localAddresses`: `nodelocaldns`. */
  readonly interfaceName: string;
  /** `-setupinterface`. */
  readonly setUpInterface: boolean;
  /** `-setupiptables`. */
  readonly setUpRules: boolean;
  /** `-localip`: addresses of ours, both families, in order: 169.254.20.10, and in `address` mode the cluster DNS's too. */
  readonly localAddresses: readonly string[];
  /** Addresses of the cluster DNS Service that pods send to; what `rewrite` rewrites. Empty in `address` mode. */
  readonly serviceAddresses: readonly string[];
  readonly intercept: Intercept;
  readonly backend: RuleBackend;
  /** Of DNS, UDP and TCP. */
  readonly port: number;
  /** TCP port of the liveness probe. */
  readonly healthPort: number;
  /** `address` or `address:port` of cluster DNS endpoints for link-local addresses while nobody is here; may be empty. */
  readonly fallback: readonly string[];
}

/** What happened to one piece, for log, metrics and `--dry-run`. */
export interface Change {
  readonly kind: "added" | "restored" | "removed" | "failed";
  /** One line: `raw PREROUTING -d 169.254.20.10/32 -p udp …`, `interface nodelocaldns`. */
  readonly what: string;
  /** Only when failed. */
  readonly failure?: Failure;
}

export interface Failure {
  /** Which counter of `coredns_nodecache_setup_errors_total` it belongs to. */
  readonly errorType: "iptables" | "iptables_lock" | "interface_add" | "interface_check";
  /** One line why, and what to do. */
  readonly reason: string;
}

export interface Plumbing {
  /** What `auto` came to, and why, for the log. */
  readonly choice: {
    readonly intercept: Exclude<Intercept, "auto">;
    readonly backend: Exclude<RuleBackend, "auto"> | "none";
    readonly why: string;
  };
  /** Addresses that the server is to bind beside `localAddresses` (the private address of `rewrite`). */
  readonly extraAddresses: readonly string[];
  /**
   * Makes or adopts link and addresses. The first time, too: rules that a dead instance left catch nothing until
   * `ensureRules`; those of one that is alive (its lease says so) stay as they are.
   *
   * @returns what was changed; empty when all was there. Never rejects.
   */
  ensureInterface(): Promise<readonly Change[]>;
  /** Puts missing rules in, takes duplicates out, adopts leftovers. All or nothing per backend. Never rejects. */
  ensureRules(): Promise<readonly Change[]>;
  /** Other endpoints; in force with the next `ensureRules`. Throws PlumbingError when one is no address. */
  setFallback(fallback: readonly string[]): void;
  /** Lets queries of the node's own processes in for another `LEASE_MS`. Quick and synchronous; failures are told by the next `ensureRules`. */
  refreshLease(): void;
  /** Nothing new is caught any more. What makes answers under way reach their clients stays until `removeInterface`. */
  removeRules(): Promise<readonly Change[]>;
  /** The interface, and all that is left of the rules. */
  removeInterface(): Promise<readonly Change[]>;
  /** Closes handles; changes nothing on the node. */
  close(): void;
}
