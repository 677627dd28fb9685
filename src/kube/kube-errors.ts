import { NodensError, type NodensErrorOptions } from "../base/errors.ts";

/** How to reach the API server is not said, or said wrongly. */
export class KubeConfigError extends NodensError {
  readonly code = "NODENS_KUBE_CONFIG";
}

/**
 * What went wrong with a request, by what is done about it:
 *
 * - `unreachable`: no connection; tried again when a connection can be made
 * - `broken`: a connection ended in the middle, or said nothing for too long
 * - `gone`: the version asked for is too old (410): listed anew
 * - `unauthorized`: the login is read again (401)
 * - `forbidden`: the rules of RBAC say no (403): tried again slowly
 * - `absent`: this API has no such kind (404): tried again slowly
 * - `refused`: any other status, `retryAfterMs` as the server said
 */
export type ApiFailure = "unreachable" | "broken" | "gone" | "unauthorized" | "forbidden" | "absent" | "refused";

/** A request to the API server did not give what was asked for. */
export class ApiError extends NodensError {
  readonly code = "NODENS_KUBE_API";
  readonly failure: ApiFailure;
  /** HTTP status; 0 without one. */
  readonly status: number;
  /** Milliseconds that the server wants to be left alone; undefined when it did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(
    failure: ApiFailure,
    message: string,
    options: NodensErrorOptions & { readonly status?: number; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options);
    this.failure = failure;
    this.status = options.status ?? 0;
    this.retryAfterMs = options.retryAfterMs;
  }
}
