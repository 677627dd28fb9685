import { formatSocketAddress } from "./address.ts";
import { NodensError } from "./errors.ts";

interface Reading {
  readonly fact: string;
  readonly hint?: string;
}

const READINGS: Readonly<Record<string, Reading>> = {
  EADDRINUSE: {
    fact: "the address is in use",
    hint: "Another server is listening there: `ss -lnptu` names it",
  },
  EACCES: {
    fact: "permission denied",
    hint: "Ports below 1024 need root or CAP_NET_BIND_SERVICE",
  },
  EPERM: { fact: "not permitted" },
  EADDRNOTAVAIL: {
    fact: "no interface has this address",
    hint: "`ip address` lists those that this machine has",
  },
  EAFNOSUPPORT: { fact: "this machine has no IPv6" },
  EMFILE: { fact: "too many open files", hint: "Raise the limit (`ulimit -n`)" },
};

/**
 * A socket could not be opened on an address. The message says why where the cause is a known one.
 *
 * @see READINGS for the causes that are put in words; others appear as the kernel's name (`EINVAL`)
 */
export class BindError extends NodensError {
  readonly code = "NODENS_NET_BIND";
  /** IP address or host name, as configured. */
  readonly address: string;
  readonly port: number;

  /** @param cause with a `code` such as `EADDRINUSE`, or a message that begins with one */
  constructor(address: string, port: number, cause: unknown) {
    const code = errnoName(cause);
    const reading = READINGS[code] ?? { fact: code };
    super(`cannot bind ${formatSocketAddress(address, port)}: ${reading.fact}`, {
      cause,
      ...(reading.hint === undefined ? {} : { hint: reading.hint }),
    });
    this.address = address;
    this.port = port;
  }
}

function errnoName(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if ("code" in cause && typeof cause.code === "string") return cause.code;
  return /^E[A-Z0-9]+\b/.exec(cause.message)?.[0] ?? cause.message;
}
