/** Asks a running instance over its admin API. */
import { request, type RequestOptions } from "node:http";
import { NodensError } from "../base/errors.ts";
import type { Order } from "../server/clients/client-report.ts";
import { ADMIN_API, type AdminSnapshot } from "../server/daemon/admin-snapshot.ts";
import { type AdminAddress, formatAdminAddress } from "../server/web/admin-address.ts";

const TIMEOUT_MS = 5000;
/** More than the longest lists take. */
const BODY_MAX_BYTES = 32 * 1024 * 1024;

export class AdminClientError extends NodensError {
  readonly code = "NODENS_ADMIN_UNREACHABLE";
}

/** What is asked for: the parameters of the API. */
export interface SnapshotWish {
  readonly limit: number;
  readonly namesEach: number;
  readonly clientOrder: Order;
  readonly nameOrder: Order;
  readonly client: string;
  readonly name: string;
}

export class AdminClient {
  readonly #addresses: readonly AdminAddress[];

  /** @param addresses the first one where somebody is found is used, at each request anew */
  constructor(addresses: readonly AdminAddress[]) {
    this.#addresses = addresses;
  }

  /** @throws AdminClientError */
  async snapshot(wish: SnapshotWish): Promise<AdminSnapshot> {
    const query = new URLSearchParams({
      limit: String(wish.limit),
      names_each: String(wish.namesEach),
      client_order: wish.clientOrder,
      name_order: wish.nameOrder,
      client: wish.client,
      name: wish.name,
    });
    const path = `/v1/snapshot?${query.toString()}`;
    let failure: { readonly address: AdminAddress; readonly cause: unknown } | undefined;
    for (const address of this.#addresses) {
      try {
        return readSnapshot(await get(address, path), address);
      } catch (cause) {
        if (cause instanceof AdminClientError) throw cause;
        // One that may not be asked says more than one that is not there.
        if (failure === undefined || codeOf(cause) === "EACCES") failure = { address, cause };
      }
    }
    throw unreachable(this.#addresses, failure);
  }
}

function unreachable(
  addresses: readonly AdminAddress[],
  failure: { readonly address: AdminAddress; readonly cause: unknown } | undefined,
): AdminClientError {
  const places = addresses.map(formatAdminAddress).join(" and ");
  const code = codeOf(failure?.cause);
  if (failure !== undefined && code === "EACCES") {
    return new AdminClientError(`no permission for ${formatAdminAddress(failure.address)}`, {
      cause: failure.cause,
      hint: "Only the user who runs the instance, and root, may ask it",
    });
  }
  const absent = code === "ENOENT" || code === "ECONNREFUSED";
  return new AdminClientError(
    absent ? `no running instance at ${places}` : `no answer at ${places}: ${describe(failure?.cause)}`,
    { cause: failure?.cause, hint: "Start `nodens serve`, or say where its --admin is with --admin" },
  );
}

function readSnapshot(body: string, address: AdminAddress): AdminSnapshot {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {}
  if (typeof value !== "object" || value === null || !("api" in value)) {
    throw new AdminClientError(`${formatAdminAddress(address)} is no admin API of Nodens`);
  }
  if (value.api !== ADMIN_API) {
    throw new AdminClientError(
      `the instance at ${formatAdminAddress(address)} speaks version ${String(value.api)} of the admin API, this is ${ADMIN_API}`,
      { hint: "Use the `nodens top` of its version" },
    );
  }
  // Of our own other end, whose version is known now.
  return value as AdminSnapshot;
}

function get(address: AdminAddress, path: string): Promise<string> {
  const where: RequestOptions =
    address.kind === "unix" ? { socketPath: address.path } : { host: address.host, port: address.port };
  return new Promise((resolve, reject) => {
    const sent = request({ ...where, path, agent: false, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > BODY_MAX_BYTES) sent.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      response.once("end", () => {
        const body = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(body);
        else
          reject(
            new AdminClientError(
              `${formatAdminAddress(address)} answers ${response.statusCode ?? 0}: ${body.trim().slice(0, 200)}`,
            ),
          );
      });
      response.once("error", reject);
    });
    sent.once("timeout", () => sent.destroy(new Error(`nothing for ${TIMEOUT_MS / 1000} s`)));
    sent.once("error", reject);
    sent.end();
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
