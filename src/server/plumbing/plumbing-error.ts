import { NodensError, type NodensErrorOptions } from "../../base/errors.ts";
import type { Failure } from "./plumbing.ts";

/** What is asked for cannot be made into an interface and rules at all, on no machine. */
export class PlumbingError extends NodensError {
  readonly code = "NODENS_PLUMBING";

  constructor(fact: string, options: NodensErrorOptions = {}) {
    super(fact, options);
  }
}

/** This machine refuses a change: for `Change.failure`. Never leaves this room. */
export class PlumbingFailure extends Error {
  readonly errorType: Failure["errorType"];

  /** @param reason one line, for a person */
  constructor(errorType: Failure["errorType"], reason: string) {
    super(reason);
    this.name = "PlumbingFailure";
    this.errorType = errorType;
  }
}
