/** GET of an admin API, on a socket file or a port. */
import { request } from "node:http";
import type { AdminAddress } from "../../src/server/web/admin-address.ts";

export interface AdminReply {
  readonly status: number;
  readonly body: string;
}

/** @param enough ends the reading when it likes what has come */
export function getAdmin(
  address: AdminAddress,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  enough: (body: string) => boolean = () => false,
): Promise<AdminReply> {
  const where = address.kind === "unix" ? { socketPath: address.path } : { host: address.host, port: address.port };
  return new Promise((resolve, reject) => {
    const sent = request({ ...where, path, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
        if (!enough(body)) return;
        resolve({ status: response.statusCode ?? 0, body });
        response.destroy();
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.once("error", reject);
    });
    sent.once("error", reject);
    sent.end();
  });
}
