/** PEM files of a TLS server, checked together, and read again when they have changed. */
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { describeError, NodensError } from "../../../base/errors.ts";
import type { ClientAuth, TlsCredentials } from "../../../base/client-certificate.ts";

/** Which file is at fault; `pair`: certificate and key do not belong together, or are of no use to TLS. */
export type CertificateFile = "cert" | "key" | "ca" | "pair";

export class CertificateError extends NodensError {
  readonly code = "NODENS_TLS_CERTIFICATE";
  readonly file: CertificateFile;

  constructor(file: CertificateFile, fact: string, cause?: unknown) {
    super(fact, cause === undefined ? {} : { cause });
    this.file = file;
  }
}

export interface CertificatePaths {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
  readonly clientAuth: ClientAuth;
}

export class CertificateFiles {
  readonly #paths: CertificatePaths;
  #current: TlsCredentials;
  /** What `stat` said of the files that were last read, good or not. */
  #seen: string;

  /** @throws CertificateError */
  constructor(paths: CertificatePaths) {
    this.#paths = paths;
    this.#seen = stamps(paths);
    this.#current = read(paths);
  }

  /** The same object until `refresh` says otherwise. */
  get current(): TlsCredentials {
    return this.#current;
  }

  /**
   * Reads the files again if one has changed since they were last read.
   *
   * @returns whether `current` is new
   * @throws CertificateError when they cannot be used (once for each change); `current` then stays as it was
   */
  refresh(): boolean {
    const now = stamps(this.#paths);
    if (now === this.#seen) return false;
    this.#seen = now;
    const next = read(this.#paths);
    const { cert, key, ca } = this.#current;
    if (next.cert === cert && next.key === key && next.ca === ca) return false;
    this.#current = next;
    return true;
  }
}

function stamps({ cert, key, ca }: CertificatePaths): string {
  return [cert, key, ca].map((path) => (path === undefined ? "" : stamp(path))).join(" ");
}

function stamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "absent" : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}

function read({ cert, key, ca, clientAuth }: CertificatePaths): TlsCredentials {
  const credentials = {
    cert: readPem("cert", cert),
    key: readPem("key", key),
    ca: ca === undefined ? undefined : readPem("ca", ca),
    clientAuth,
  };
  check("cert", cert, () => new X509Certificate(credentials.cert));
  const authority = credentials.ca;
  if (authority !== undefined && ca !== undefined) check("ca", ca, () => new X509Certificate(authority));
  try {
    const { createSecureContext } = process.getBuiltinModule("node:tls");
    createSecureContext({ cert: credentials.cert, key: credentials.key, minVersion: "TLSv1.2" });
  } catch (error) {
    throw new CertificateError("pair", `could not load TLS cert: ${describeError(error)}`, error);
  }
  return credentials;
}

function readPem(file: CertificateFile, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CertificateError(file, `error reading ${path}: ${describeError(error)}`, error);
  }
}

function check(file: CertificateFile, path: string, parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    throw new CertificateError(file, `no certificate in ${path}: ${describeError(error)}`, error);
  }
}
