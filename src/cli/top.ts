/** `nodens top`: who asks a running instance for what, live. */
import { Command, InvalidArgumentError, Option } from "commander";
import { describeError } from "../base/errors.ts";
import { type Order, ORDERS } from "../server/clients/client-report.ts";
import { type AdminAddress, defaultAdminAddresses, readAdminAddress } from "../server/web/admin-address.ts";

interface TopFlags {
  readonly admin?: AdminAddress;
  readonly interval: number;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly sort: Order;
  readonly client: string;
  readonly name: string;
  readonly rows: number;
}

const EXIT_UNREACHABLE = 3;

export function topCommand(exit: (code: number) => void): Command {
  return new Command("top")
    .description("Show who asks a running instance for what, and how it answers")
    .option(
      "--admin <place>",
      "where its admin API is: unix:PATH or ADDR:PORT (default: where `serve` puts it)",
      adminPlace,
    )
    .option("-i, --interval <seconds>", "time between two looks", interval, 1)
    .option("--once", "one look as text, then the end")
    .option("--json", "snapshots as JSON, one a line")
    .addOption(new Option("--sort <figure>", "what lists are sorted by").choices(ORDERS).default("rate"))
    .option("--client <text>", "only clients with this in namespace/pod or address", "")
    .option("--name <text>", "only names with this in them", "")
    .option("--rows <n>", "longest lists of text and JSON", rows, 10)
    .addHelpText("after", "\nKeys on a terminal: ? shows them. Without a terminal it is text, every interval.")
    .exitOverride()
    .action(async (flags: TopFlags) => exit(await top(flags)));
}

async function top(flags: TopFlags): Promise<number> {
  // Not loaded by those who only serve.
  const { AdminClient, AdminClientError } = await import("../top/admin-client.ts");
  const { runPlain, runScreen } = await import("../top/run-top.ts");
  const { firstState } = await import("../top/view-state.ts");
  const { stdin, stdout } = process;
  const client = new AdminClient(
    flags.admin === undefined ? defaultAdminAddresses(process.env["XDG_RUNTIME_DIR"]) : [flags.admin],
  );
  const stop = new AbortController();
  let code = 0;
  for (const [signal, number] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ] as const) {
    process.on(signal, () => {
      code = number;
      stop.abort();
    });
  }
  const first = firstState(flags.interval * 1000);
  const state = {
    ...first,
    order: { clients: flags.sort, names: flags.sort === "latency" ? ("rate" as const) : flags.sort },
    filter: { clients: flags.client, names: flags.name },
  };
  try {
    if (stdin.isTTY && stdout.isTTY && flags.once !== true && flags.json !== true) {
      const look = { styled: !process.env["NO_COLOR"], ascii: !isUtf8() };
      await runScreen(client, stdin, stdout, state, look, stop.signal);
    } else {
      await runPlain({
        client,
        intervalMs: flags.interval * 1000,
        once: flags.once === true,
        json: flags.json === true,
        state,
        rows: flags.rows,
        write,
        stopped: stop.signal,
      });
    }
  } catch (error) {
    if (!(error instanceof AdminClientError)) throw error;
    process.stderr.write(`nodens: ${describeError(error)}\n`);
    return EXIT_UNREACHABLE;
  }
  return code;
}

/** A reader that has gone away (`| head`) is the end, not an error. */
function write(text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === "EPIPE") resolve(false);
      else reject(error);
    };
    process.stdout.once("error", failed);
    process.stdout.write(text, (error) => {
      if (error !== null && error !== undefined) return;
      process.stdout.off("error", failed);
      resolve(true);
    });
  });
}

function isUtf8(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return /utf-?8/i.test([LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== "") ?? "");
}

function adminPlace(text: string): AdminAddress {
  const address = readAdminAddress(text);
  if (typeof address === "string")
    throw new InvalidArgumentError(`It must be unix:PATH or a loopback ADDR:PORT; ${address}.`);
  return address;
}

function interval(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value < 0.2 || value > 3600)
    throw new InvalidArgumentError("It must be a number of seconds from 0.2 to 3600.");
  return value;
}

function rows(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 1000)
    throw new InvalidArgumentError("It must be a number from 1 to 1000.");
  return value;
}
