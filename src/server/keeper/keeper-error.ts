import { NodensError } from "../../base/errors.ts";

/** The keeper and its server do not understand each other, or one of them is gone. */
export class KeeperError extends NodensError {
  readonly code = "NODENS_KEEPER";
}
