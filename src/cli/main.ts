/** The command line: arguments in, exit code out. 0 fine, 1 failed, 2 wrong usage. */
import { Command, CommanderError } from "commander";
import { describeError, NodensError, UsageError } from "../base/errors.ts";
import { nodeCommand } from "./node.ts";
import { serveCommand } from "./serve.ts";
import { topCommand } from "./top.ts";
import { packageVersion } from "./version.ts";

/** @param argv words after `nodens` */
export async function main(argv: string[]): Promise<number> {
  const program = new Command("nodens")
    .description("DNS in Kubernetes that is fast, cannot be taken down, and explains itself")
    .version(packageVersion(), "-V, --version")
    .exitOverride()
    .showHelpAfterError("Run `nodens --help` for what there is.");
  let exitCode = 0;
  program.addCommand(
    serveCommand((code) => {
      exitCode = code;
    }),
  );
  program.addCommand(
    nodeCommand((code) => {
      exitCode = code;
    }),
  );
  program.addCommand(
    topCommand((code) => {
      exitCode = code;
    }),
  );
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof NodensError)) throw error;
    process.stderr.write(`nodens: ${describeError(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}
