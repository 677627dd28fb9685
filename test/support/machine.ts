/**
 * What this machine lets tests do.
 *
 * A test that needs more than Node.js says so: `describe("dig", { skip: missing("dig") }, …)`. Where the need is not
 * met the test is skipped with the reason, and `npm test` says how to get it. With `CI=true` nothing is skipped: the
 * test fails instead.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** `root`, `namespaces` (network and mount namespaces can be made), `linux`, or a program's name. */
export type Need = string;

export interface NeedState {
  readonly met: boolean;
  /** Why not, as a clause; empty when met. */
  readonly reason: string;
  /** Debian package that brings it, when one does. */
  readonly debianPackage?: string;
}

const LIST = new URL("../../.ci/debian-packages.txt", import.meta.url);

/** Debian package by program, from the one list. */
export const DEBIAN_PACKAGES: ReadonlyMap<string, string> = new Map(
  readFileSync(LIST, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .flatMap((line): [string, string][] => {
      const [name = "", programs = ""] = line.split("#", 2);
      return programs
        .trim()
        .split(/\s+/)
        .map((program) => [program, name.trim()]);
    }),
);

/** Administrators' programs are not in everybody's PATH. */
const FOLDERS = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];

/** @returns its path, or undefined */
export function findProgram(name: string): string | undefined {
  const paths = name.includes("/") ? [name] : FOLDERS.map((folder) => join(folder, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function probe(need: Need): NeedState {
  const state = (met: boolean, reason: string): NeedState => ({ met, reason: met ? "" : reason });
  switch (need) {
    case "linux":
      return state(process.platform === "linux", `this is ${process.platform}`);
    case "root":
      return state(process.getuid?.() === 0, "not running as root");
    case "namespaces": {
      const unshare = findProgram("unshare");
      const child = unshare === undefined ? undefined : spawnSync(unshare, ["--net", "--mount", "true"]);
      return state(child?.status === 0, "cannot make network namespaces here (needs Linux and root)");
    }
    default: {
      const debianPackage = DEBIAN_PACKAGES.get(need);
      const met = findProgram(need) !== undefined;
      return { ...state(met, `${need} is not installed`), ...(debianPackage === undefined ? {} : { debianPackage }) };
    }
  }
}

const known = new Map<Need, NeedState>();

/** Looked up once a process. */
export function needState(need: Need): NeedState {
  const state = known.get(need) ?? probe(need);
  known.set(need, state);
  return state;
}

/**
 * For the `skip` option of a test.
 *
 * @returns false when all needs are met, else why not
 * @throws Error with `CI=true` when one is not
 */
export function missing(...needs: readonly Need[]): string | false {
  const reasons = needs.map((need) => needState(need).reason).filter((reason) => reason !== "");
  if (reasons.length === 0) return false;
  const reason = reasons.join(", ");
  if (process.env["CI"] === "true") throw new Error(`CI must be able to run this: ${reason}`);
  return reason;
}

/**
 * For what only some have and CI does without: programs that variables of the environment name.
 *
 * @returns false when all are there, else why not, for the `skip` option; undefined with `CI=true` when one is not: then
 *   the test is not to be declared at all, for CI skips nothing
 */
export function missingByChoice(...variables: readonly string[]): string | false | undefined {
  const absent = variables.filter((variable) => {
    const path = process.env[variable];
    return path === undefined || path === "" || findProgram(path) === undefined;
  });
  if (absent.length === 0) return false;
  return process.env["CI"] === "true" ? undefined : `${absent.join(" and ")} name no program`;
}
