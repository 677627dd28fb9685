/**
 * `tls`: the certificate with which the block's `tls://` keys are served.
 *
 * Files are read when the block is set up, so that a mistake is found before anything starts, and looked at again now
 * and then: a renewed certificate is used without a reload.
 */
import { appendFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { ConfigError, describeError } from "../../../base/errors.ts";
import type { Directive, Plugin, PluginInstance, SetupContext, Token } from "../../chain/plugin.ts";
import type { ClientAuth } from "../../../base/client-certificate.ts";
import { expectArg, expectArgs, once, properties } from "../../corefile/arguments.ts";
import { CertificateFiles, CertificateError } from "./certificate-files.ts";

/** How often files are looked at. */
const CHECK_MS = 10_000;
const CLIENT_AUTHS: readonly ClientAuth[] = ["nocert", "request", "require", "verify_if_given", "require_and_verify"];
const ACME_PROPERTIES: ReadonlySet<string> = new Set(["acme", "email", "ca", "storage", "ca_root", "resolver"]);

export const tls: Plugin = {
  directive: "tls",
  setup: (directives, context) => new Tls(once(directives), context),
};

interface Settings {
  readonly cert: Token;
  readonly key: Token;
  readonly ca: Token | undefined;
  readonly clientAuth: ClientAuth;
  /** Path. */
  readonly keyLog: string | undefined;
}

class Tls implements PluginInstance {
  readonly #context: SetupContext;
  readonly #files: CertificateFiles;
  readonly #keyLog: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(directive: Directive, context: SetupContext) {
    const { cert, key, ca, clientAuth, keyLog } = readSettings(directive, context.root);
    const at = ({ text }: Token): string => underRoot(text, context.root);
    this.#context = context;
    try {
      this.#files = new CertificateFiles({
        cert: at(cert),
        key: at(key),
        ca: ca === undefined ? undefined : at(ca),
        clientAuth,
      });
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      const token = { cert, key, ca, pair: cert }[error.file] ?? cert;
      throw new ConfigError(token.position, error.message, { cause: error });
    }
    this.#keyLog = keyLog;
    this.#timer = undefined;
    const files = this.#files;
    context.tls = {
      current: () => files.current,
      keyLog: keyLog === undefined ? undefined : (line) => this.#writeKeys(keyLog, line),
    };
  }

  async start(): Promise<void> {
    const log = this.#context.log.plugin("tls");
    if (this.#keyLog !== undefined) log.warning(`Writing TLS Key Log to "${this.#keyLog}"`);
    this.#timer = setInterval(() => this.#check(), CHECK_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  #check(): void {
    const log = this.#context.log.plugin("tls");
    try {
      if (this.#files.refresh()) log.info("Certificate files changed: new connections use them");
    } catch (error) {
      log.error(`Certificate files changed and cannot be used, the ones before stay: ${describeError(error)}`);
    }
  }

  #writeKeys(path: string, line: Uint8Array): void {
    try {
      appendFileSync(path, line, { mode: 0o600 });
    } catch (error) {
      this.#context.log.plugin("tls").error(`cannot write the key log: ${describeError(error)}`);
    }
  }
}

function readSettings(directive: Directive, root: string): Settings {
  const [first] = properties(directive);
  if (directive.args.length === 0 && first !== undefined && ACME_PROPERTIES.has(first.name.text)) {
    throw new ConfigError(first.name.position, "certificates by ACME are not obtained by this version", {
      hint: "Give files: tls CERT KEY [CA]; they are read again when they change",
    });
  }
  const [cert, key, ca] = expectArgs(directive, 2, 3);
  if (cert === undefined || key === undefined) throw new Error("expectArgs let a missing word pass");
  let clientAuth: ClientAuth = "nocert";
  let keyLog: string | undefined;
  for (const property of properties(directive)) {
    const { name } = property;
    if (name.text === "client_auth") clientAuth = readClientAuth(expectArg(property));
    else if (name.text === "keylog") keyLog = underRoot(expectArg(property).text, root);
    else throw new ConfigError(name.position, `unknown option '${name.text}'`);
  }
  return { cert, key, ca, clientAuth, keyLog };
}

function readClientAuth(token: Token): ClientAuth {
  const found = CLIENT_AUTHS.find((name) => name === token.text);
  if (found === undefined) throw new ConfigError(token.position, `unknown authentication type '${token.text}'`);
  return found;
}

function underRoot(path: string, root: string): string {
  return isAbsolute(path) ? path : join(root, path);
}
