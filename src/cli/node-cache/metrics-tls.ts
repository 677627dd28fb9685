/** `-tls-*`: the own metrics listener over TLS, as the newest node-cache has it. */
import type { ClientAuth } from "../../base/client-certificate.ts";
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { CertificateError, CertificateFiles } from "../../server/plugins/tls/certificate-files.ts";
import type { HttpsSource } from "../../server/web/https-source.ts";
import type { NodeCacheSettings } from "./flags.ts";

const CLIENT_AUTHS = {
  NoClientCert: "nocert",
  RequestClientCert: "request",
  RequireAnyClientCert: "require",
  VerifyClientCertIfGiven: "verify_if_given",
  RequireAndVerifyClientCert: "require_and_verify",
} satisfies Record<NodeCacheSettings["tls-client-auth-type"], ClientAuth>;

/**
 * The certificate is looked at for each connection: a renewed one is used from then on, a bad one is told and not used.
 *
 * @throws CertificateError
 */
export function metricsTls(settings: NodeCacheSettings, log: Log): HttpsSource | undefined {
  if (!settings["tls-enabled"]) return undefined;
  const ca = settings["tls-client-ca-file"];
  const files = new CertificateFiles({
    cert: settings["tls-cert-file"],
    key: settings["tls-private-key-file"],
    ca: ca === "" ? undefined : ca,
    clientAuth: CLIENT_AUTHS[settings["tls-client-auth-type"]],
  });
  return {
    minVersion: settings["tls-min-version"] === "TLS12" ? "TLSv1.2" : "TLSv1.3",
    current: () => {
      try {
        files.refresh();
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error;
        log.error(
          `metrics over TLS: the files changed and cannot be used, the ones before stay: ${describeError(error)}`,
        );
      }
      return files.current;
    },
  };
}
