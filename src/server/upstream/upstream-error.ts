/** Why an upstream gave no answer, in the words that people search CoreDNS's logs for. */
import { NodensError } from "../../base/errors.ts";

export type FailureKind =
  /** Nothing acceptable came in time. */
  | "timeout"
  /** Connection refused; over UDP an ICMP "port unreachable". */
  | "refused"
  /** No route, network unreachable, address not available, not permitted. */
  | "unreachable"
  /** The connection ended before the answer, twice. */
  | "closed"
  /** The certificate was not accepted, or the handshake failed. */
  | "tls"
  /** An HTTP status other than 200, or a stream that is no DNS. */
  | "protocol"
  /** A reply with the right source and question and a wrong id: somebody may be guessing. */
  | "near-miss"
  /** Too many questions or waiters in flight, or no file descriptor left. */
  | "busy"
  /** Every upstream is down and `failfast_all_unhealthy_upstreams` is set. */
  | "no-healthy";

const FACTS: Record<FailureKind, (proto: string, to: string) => string> = {
  timeout: (proto, to) => `read ${proto} ${to}: i/o timeout`,
  refused: (proto, to) => `dial ${proto} ${to}: connect: connection refused`,
  unreachable: (proto, to) => `dial ${proto} ${to}: connect: network is unreachable`,
  closed: (proto, to) => `read ${proto} ${to}: EOF`,
  tls: (proto, to) => `dial ${proto} ${to}: TLS handshake failed`,
  protocol: (proto, to) => `read ${proto} ${to}: not a DNS message`,
  "near-miss": (proto, to) => `read ${proto} ${to}: replies with a wrong id`,
  busy: () => "too many queries in flight to upstreams",
  "no-healthy": () => "no healthy proxies",
};

export class UpstreamError extends NodensError {
  readonly code = "NODENS_UPSTREAM";
  readonly kind: FailureKind;
  /** `10.0.0.10:53`; "" when no upstream was asked. */
  readonly to: string;

  constructor(kind: FailureKind, proto: "udp" | "tcp", to: string, cause?: unknown) {
    super(FACTS[kind](proto, to), { cause });
    this.kind = kind;
    this.to = to;
  }
}

/** What a system call's code says about the upstream. */
export function failureOfCode(code: string | undefined): FailureKind {
  switch (code) {
    case "ECONNREFUSED":
      return "refused";
    case "ECONNRESET":
    case "EPIPE":
      return "closed";
    case "EMFILE":
    case "ENFILE":
    case "ENOBUFS":
    case "ENOMEM":
      return "busy";
    case "ETIMEDOUT":
      return "timeout";
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "EADDRNOTAVAIL":
    case "EACCES":
    case "EPERM":
    case "EINVAL":
    case undefined:
      return "unreachable";
    default:
      if (code.startsWith("ERR_HTTP2")) return "closed";
      return /^ERR_(TLS|SSL)|CERT|SIGNATURE|^EPROTO$/.test(code) ? "tls" : "unreachable";
  }
}
