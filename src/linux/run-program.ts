/** Short-lived programs of the system, run to their end: `iptables-save`, `nft`. What starts them is loaded with the first. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface ProgramResult {
  /** Exit code; -1 when it could not be started, was ended by a signal, or took too long. */
  readonly code: number;
  readonly stdout: string;
  /** Why there is no exit code, when there is none. */
  readonly stderr: string;
}

/** Where distributions put what only root uses; a root by `su` has not always got them in PATH. */
const SYSTEM_FOLDERS: readonly string[] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
/** What a program may print: a table of a large cluster. */
const OUTPUT_MAX_BYTES: number = 256 * 1024 * 1024;

/** @returns the path of a program, found in PATH as a shell does, then in the system's folders; undefined when there is none */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  return folders
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** @param timeoutMs after this it is killed. Never rejects. */
export async function runProgram(
  program: string,
  args: readonly string[],
  input: string,
  timeoutMs: number,
): Promise<ProgramResult> {
  return await new Promise((resolve) => {
    const child = process
      .getBuiltinModule("node:child_process")
      .spawn(program, args, { stdio: "pipe", timeout: timeoutMs, killSignal: "SIGKILL" });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    // A program that ends without reading all of its input is told by its exit code.
    child.stdin.on("error", () => {});
    child.on("error", (error) => resolve({ code: -1, stdout, stderr: error.message }));
    child.on("close", (code, signal) => {
      if (code !== null) return resolve({ code, stdout, stderr });
      const why = child.killed ? `no end in ${timeoutMs} ms` : `ended by ${signal}`;
      resolve({ code: -1, stdout, stderr: `${program}: ${why}. ${stderr}` });
    });
    child.stdin.end(input);
  });
}

/** The same, waiting in place: for what is done once, before anything is served. */
export function runProgramSync(
  program: string,
  args: readonly string[],
  input: string,
  timeoutMs: number,
): ProgramResult {
  const { status, stdout, stderr, error } = process.getBuiltinModule("node:child_process").spawnSync(program, args, {
    input,
    encoding: "utf8",
    maxBuffer: OUTPUT_MAX_BYTES,
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  return { code: status ?? -1, stdout: stdout ?? "", stderr: error === undefined ? (stderr ?? "") : error.message };
}
