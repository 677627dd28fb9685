import { extname } from "node:path";

/** URL of a worker module beside `importMetaUrl`, as `.ts` in the sources and `.js` in the built package. */
export function workerUrl(name: string, importMetaUrl: string): URL {
  return new URL(`${name}${extname(new URL(importMetaUrl).pathname)}`, importMetaUrl);
}
