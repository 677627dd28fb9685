/** `bin/nodens.js serve` as a process, with a Corefile of its own in a temporary folder. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";

const BIN = fileURLToPath(new URL("../../bin/nodens.js", import.meta.url));
const START_TIMEOUT_MS = 15_000;

export interface NodensProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly corefile: string;
  /** Standard output so far. */
  output(): string;
  configure(text: string): void;
  /** Sends a signal and resolves with the exit code when the process is gone. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** @param environment on top of this process's */
export async function startNodens(
  corefile: (port: number) => string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<NodensProcess> {
  const folder = mkdtempSync(join(tmpdir(), "nodens-test-"));
  const path = join(folder, "Corefile");
  const port = await freePort();
  writeFileSync(path, corefile(port));
  // The place of the machine's own instance is not for tests.
  const admin = args.includes("--admin") ? [] : ["--admin", "none"];
  const child = spawn(process.execPath, [BIN, "serve", "-c", path, ...admin, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  let output = "";
  let complaints = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  const exited = once(child, "exit");
  const started = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no start in ${START_TIMEOUT_MS} ms: ${output}${complaints}`)),
      START_TIMEOUT_MS,
    );
    const settle = (action: () => void): void => {
      clearTimeout(timer);
      action();
    };
    child.stdout.on("data", () => {
      if (output.includes("\nNodens-")) settle(resolve);
    });
    child.once("exit", (code) => settle(() => reject(new Error(`exit ${code}: ${output}${complaints}`))));
  });
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    await started;
  } catch (error) {
    child.kill("SIGKILL");
    clean();
    throw error;
  }
  return {
    child,
    port,
    corefile: path,
    output: () => output + complaints,
    configure: (text) => writeFileSync(path, text),
    end: async (signal = "SIGTERM") => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exited;
      clean();
      return child.exitCode;
    },
  };
}

/** Runs a program to its end. @returns its standard output */
export async function run(program: string, args: readonly string[], timeoutMs = 20_000): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, {
    timeout: timeoutMs,
    // `unshare --fork` ignores SIGTERM.
    killSignal: "SIGKILL",
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}
