import { readFileSync } from "node:fs";
import { packageFile } from "./package-file.ts";

/** Version in package.json. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as { version: string };
  return version;
}
