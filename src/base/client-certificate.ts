/** What a TLS server serves with, and asks of its clients. */
import type { TLSSocket } from "node:tls";

/**
 * What clients must show of themselves (names of Go's `ClientAuthType`).
 *
 * `request` asks for a certificate and takes whatever comes; `require` wants one, whoever signed it; the other two want
 * it signed by the authority.
 */
export type ClientAuth = "nocert" | "request" | "require" | "verify_if_given" | "require_and_verify";

/** PEM text. */
export interface TlsCredentials {
  readonly cert: string;
  readonly key: string;
  /** Who signs clients' certificates; undefined: the authorities that Node.js trusts. */
  readonly ca: string | undefined;
  readonly clientAuth: ClientAuth;
}

/** With TLS 1.3 a server learns of a missing certificate only when the handshake is over. */
export function isAdmitted(socket: TLSSocket, clientAuth: ClientAuth): boolean {
  switch (clientAuth) {
    case "nocert":
    case "request":
      return true;
    case "require":
      return hasCertificate(socket);
    case "verify_if_given":
      return socket.authorized || !hasCertificate(socket);
    case "require_and_verify":
      return socket.authorized;
  }
}

function hasCertificate(socket: TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate()).length > 0;
}
