/** What `node-cache -h`, `-version` and `-plugins` print. */
import { arch, platform } from "node:os";
import { FLAGS } from "./flags.ts";
import { printDefaults } from "./go-flags.ts";

export function usage(program: string): string {
  return (
    `Usage of ${program}:\n` +
    `Runs Nodens as a nodelocal cache listening on the specified ip:port, in place of node-cache\n\n` +
    printDefaults(FLAGS)
  );
}

export function versionText(version: string): string {
  return `Nodens-${version}\n${platform()}/${arch()}, node ${process.version}\n`;
}

/** As CoreDNS lists them. */
export function pluginsText(directives: Iterable<string>): string {
  const names = [...directives].toSorted().map((directive) => `  dns.${directive}\n`);
  return `Server types:\n  dns\n\nCaddyfile loaders:\n  flag\n  default\n\nOther plugins:\n${names.join("")}`;
}
