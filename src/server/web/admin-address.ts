/** Where the admin API listens: a socket file, or an address that only this machine can reach. */
import { isIP, isIPv4 } from "node:net";
import { readListenAddress } from "./listen-address.ts";

export type AdminAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** Socket of a process that may write to /run: one an instance and machine. */
export const DEFAULT_ADMIN_PATH = "/run/nodens/admin.sock";

/** `unix:PATH`, `127.0.0.1:9254`, `[::1]:9254`, `localhost:9254`. @returns what is wrong with it otherwise */
export function readAdminAddress(text: string): AdminAddress | string {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length).replace(/^\/\//, "");
    return path === "" ? "no path behind unix:" : { kind: "unix", path };
  }
  const address = readListenAddress(text);
  if (typeof address === "string") return address;
  const { port } = address;
  const host = address.host === "localhost" ? "127.0.0.1" : address.host;
  if (host === "" || isIP(host) === 0 || !isLoopback(host)) {
    return "only a loopback address or unix:PATH: it tells names that pods ask for";
  }
  return { kind: "tcp", host, port };
}

export function formatAdminAddress(address: AdminAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/**
 * Where an instance is found that nobody gave an address: in the order in which they are tried.
 *
 * @param runtimeDirectory XDG_RUNTIME_DIR, for those who may not write to /run
 */
export function defaultAdminAddresses(runtimeDirectory: string | undefined): AdminAddress[] {
  const paths = [DEFAULT_ADMIN_PATH];
  if (runtimeDirectory !== undefined && runtimeDirectory.startsWith("/")) {
    paths.push(`${runtimeDirectory}/nodens/admin.sock`);
  }
  return paths.map((path) => ({ kind: "unix", path }));
}

export function isLoopback(host: string): boolean {
  return host === "::1" || (isIPv4(host) && host.startsWith("127."));
}
