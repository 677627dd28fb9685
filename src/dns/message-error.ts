import { NodensError } from "../base/errors.ts";

/** A message that cannot be read, or cannot be written. Cold path only: hot code returns codes. */
export class MessageError extends NodensError {
  readonly code = "NODENS_DNS_MESSAGE";
}
