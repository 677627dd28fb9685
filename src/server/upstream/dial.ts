/** Opening TCP and TLS connections to upstreams. */
import type { TcpNetConnectOpts } from "node:net";
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

/** Read buffer of all plain connections: reading and handing over is one step, so they can share it. */
const READ_BUFFER_BYTES = 64 * 1024;
let readBuffer: Uint8Array | undefined;

export function tcpDial(target: StreamTarget): Dial {
  const { connect } = process.getBuiltinModule("node:net");
  return (onData) => {
    readBuffer ??= new Uint8Array(READ_BUFFER_BYTES);
    const socket = connect({
      ...connectOptions(target),
      onread: {
        buffer: readBuffer,
        callback: (bytes, buffer) => {
          onData(buffer.subarray(0, bytes));
          return true;
        },
      },
    });
    return { socket, readyEvent: "connect" };
  };
}

/** Modules of TLS are loaded when a configuration has a `tls://` or `https://` upstream, not before. */
export function tlsDial(target: StreamTarget, settings: TlsSettings): Dial {
  const tls = process.getBuiltinModule("node:tls");
  const secureContext = tls.createSecureContext(contextOptions(settings));
  let session: Buffer | undefined;
  return (onData) => {
    const socket = tls.connect({
      ...connectOptions(target),
      secureContext,
      ...(settings.serverName === undefined ? {} : { servername: settings.serverName }),
      ...(session === undefined ? {} : { session }),
    });
    socket.on("session", (latest: Buffer) => {
      session = latest;
    });
    socket.on("data", (chunk: Uint8Array) => onData(chunk));
    return { socket, readyEvent: "secureConnect" };
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

function connectOptions(target: StreamTarget): TcpNetConnectOpts {
  const base = { host: target.address, port: target.port };
  return target.sourceAddress === undefined ? base : { ...base, localAddress: target.sourceAddress };
}
