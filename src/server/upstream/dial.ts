/** Opening TLS connections to upstreams. */
import { connectOptions, NodeStream } from "./node-stream.ts";
import type { Dial } from "./stream-connection.ts";

export interface StreamTarget {
  readonly address: string;
  readonly port: number;
  readonly sourceAddress: string | undefined;
}

/** What a TLS client needs, as PEM text. TLS 1.2 is the least, as in CoreDNS. */
export interface TlsSettings {
  /** Name to ask for and to check the certificate against; undefined checks it against the IP address. */
  readonly serverName: string | undefined;
  /** Undefined: the authorities that Node.js trusts. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Modules of TLS are loaded when a configuration has a `tls://` or `https://` upstream, not before. */
export function tlsDial(target: StreamTarget, settings: TlsSettings): Dial {
  const tls = process.getBuiltinModule("node:tls");
  const secureContext = tls.createSecureContext(contextOptions(settings));
  let session: Buffer | undefined;
  return (listener) => {
    const socket = tls.connect({
      ...connectOptions(target, target.sourceAddress),
      secureContext,
      ...(settings.serverName === undefined ? {} : { servername: settings.serverName }),
      ...(session === undefined ? {} : { session }),
    });
    socket.on("session", (latest: Buffer) => {
      session = latest;
    });
    socket.on("data", (chunk: Uint8Array) => listener.data(chunk, chunk.length));
    return new NodeStream(socket, "secureConnect", listener);
  };
}

export function contextOptions(settings: TlsSettings): {
  minVersion: "TLSv1.2";
  ca?: string;
  cert?: string;
  key?: string;
} {
  return {
    minVersion: "TLSv1.2",
    ...(settings.ca === undefined ? {} : { ca: settings.ca }),
    ...(settings.cert === undefined ? {} : { cert: settings.cert }),
    ...(settings.key === undefined ? {} : { key: settings.key }),
  };
}
