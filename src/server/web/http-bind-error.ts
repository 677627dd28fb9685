import { BindError } from "../../base/bind-error.ts";
import { NodensError } from "../../base/errors.ts";
import type { ListenAddress } from "./listen-address.ts";

/** An HTTP endpoint (metrics, health, ready) could not be opened. */
export class HttpBindError extends NodensError {
  readonly code = "NODENS_HTTP_BIND";
  /** As configured. */
  readonly address: string;

  constructor(address: string, { host, port }: ListenAddress, cause: unknown) {
    const bind = new BindError(host === "" ? "::" : host, port, cause);
    super(`cannot serve HTTP on ${address}: ${bind.message}`, {
      cause,
      ...(bind.hint === undefined ? {} : { hint: bind.hint }),
    });
    this.address = address;
  }
}
