/** Short-lived programs of the system, run to their end: `iptables-save`, `nft`. */
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface ProgramResult {
  /** Exit code; -1 when it could not be started, was ended by a signal, or took too long. */
  readonly code: number;
  readonly stdout: string;
  /** Why there is no exit code, when there is none. */
  readonly stderr: string;
}

/** @returns the path of a program, found in PATH as a shell does; undefined when there is none */
export function findProgram(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin").split(delimiter);
  return folders
    .filter((folder) => folder !== "")
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
    const child = spawn(program, args, { stdio: "pipe", timeout: timeoutMs, killSignal: "SIGKILL" });
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
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    encoding: "utf8",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  return { code: status ?? -1, stdout: stdout ?? "", stderr: error === undefined ? (stderr ?? "") : error.message };
}
