import { NodensError, type NodensErrorOptions, type Position } from "../base/errors.ts";

/** A file of manifests says what cannot be. Message reads `file:line:column: fact`. */
export class ManifestError extends NodensError {
  readonly code = "NODENS_KUBE_MANIFEST";
  readonly position: Position;

  constructor(position: Position, fact: string, options: NodensErrorOptions = {}) {
    super(`${position.file}:${position.line}:${position.column}: ${fact}`, options);
    this.position = position;
  }
}
