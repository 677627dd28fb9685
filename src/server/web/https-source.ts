/** What an HTTPS listener serves with. */
import type { TlsCredentials } from "../../base/client-certificate.ts";

export interface HttpsSource {
  /** Another object when something changed: connections from then on get it. Called for each connection. */
  current(): TlsCredentials;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
}
