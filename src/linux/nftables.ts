/**
 * nftables: the text of man 8 nft, run by libnftables in this process, or by the `nft` program where there is only that.
 *
 * What one call is given is one transaction: the kernel takes all of it or nothing.
 */
import { loadLibrary } from "./libc.ts";
import { mayChangeRules } from "./net-admin.ts";
import { findProgram, runProgramSync } from "./run-program.ts";

/** What nft or the kernel refused; the message is the first line that says why. */
export class NftablesError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NftablesError";
  }

  /** The capability NET_ADMIN is missing. */
  get isPermission(): boolean {
    return /Operation not permitted|you must be root/.test(this.message);
  }
}

export interface Nftables {
  /** `libnftables.so.1`, or the path of the program. */
  readonly by: string;
  /** @throws NftablesError */
  run(commands: string): void;
  /** The same as far as the kernel's check, without effect. @throws NftablesError */
  check(commands: string): void;
  /**
   * A table as libnftables-json(5) tells it.
   *
   * @returns undefined when there is no such table
   * @throws NftablesError
   */
  listTable(family: string, name: string): unknown;
  close(): void;
}

interface Libnftables {
  nft_ctx_new(flags: number): number;
  nft_ctx_free(context: number): void;
  nft_ctx_set_dry_run(context: number, dry: boolean): void;
  nft_ctx_output_set_flags(context: number, flags: number): void;
  nft_ctx_buffer_output(context: number): number;
  nft_ctx_buffer_error(context: number): number;
  nft_ctx_get_output_buffer(context: number): string | null;
  nft_ctx_get_error_buffer(context: number): string | null;
  nft_run_cmd_from_buffer(context: number, commands: string): number;
}

/** nftables/libnftables.h. */
const PROTOTYPES = {
  nft_ctx_new: "intptr_t nft_ctx_new(uint32_t flags)",
  nft_ctx_free: "void nft_ctx_free(intptr_t context)",
  nft_ctx_set_dry_run: "void nft_ctx_set_dry_run(intptr_t context, bool dry)",
  nft_ctx_output_set_flags: "void nft_ctx_output_set_flags(intptr_t context, uint flags)",
  nft_ctx_buffer_output: "int nft_ctx_buffer_output(intptr_t context)",
  nft_ctx_buffer_error: "int nft_ctx_buffer_error(intptr_t context)",
  nft_ctx_get_output_buffer: "const char *nft_ctx_get_output_buffer(intptr_t context)",
  nft_ctx_get_error_buffer: "const char *nft_ctx_get_error_buffer(intptr_t context)",
  nft_run_cmd_from_buffer: "int nft_run_cmd_from_buffer(intptr_t context, const char *commands)",
} as const;

const SONAME = "libnftables.so.1";
const OUTPUT_JSON = 1 << 4;
const PROGRAM_TIMEOUT_MS = 5000;
const NOT_PERMITTED = "Operation not permitted";
const NO_SUCH_TABLE = /No such file or directory/;

/** @returns undefined where there is neither the library nor the program */
export function openNftables(): Nftables | undefined {
  const library = loadLibrary<Libnftables>(SONAME, PROTOTYPES);
  const context = library?.nft_ctx_new(0) ?? 0;
  if (library !== undefined && context !== 0) return new LibraryNftables(library, context);
  const program = findProgram("nft");
  return program === undefined ? undefined : new ProgramNftables(program);
}

class LibraryNftables implements Nftables {
  readonly by = SONAME;
  readonly #library: Libnftables;
  #context: number;

  constructor(library: Libnftables, context: number) {
    this.#library = library;
    this.#context = context;
    library.nft_ctx_buffer_output(context);
    library.nft_ctx_buffer_error(context);
  }

  run(commands: string): void {
    const failure = this.#run(commands);
    if (failure !== undefined) throw new NftablesError(failure);
  }

  check(commands: string): void {
    this.#library.nft_ctx_set_dry_run(this.#context, true);
    try {
      this.run(commands);
    } finally {
      this.#library.nft_ctx_set_dry_run(this.#context, false);
    }
  }

  listTable(family: string, name: string): unknown {
    this.#library.nft_ctx_output_set_flags(this.#context, OUTPUT_JSON);
    const failure = this.#run(`list table ${family} ${name}`);
    const text = this.#library.nft_ctx_get_output_buffer(this.#context) ?? "";
    this.#library.nft_ctx_output_set_flags(this.#context, 0);
    if (failure === undefined) return parseListing(text);
    if (NO_SUCH_TABLE.test(failure)) return undefined;
    throw new NftablesError(failure);
  }

  close(): void {
    if (this.#context !== 0) this.#library.nft_ctx_free(this.#context);
    this.#context = 0;
  }

  #run(commands: string): string | undefined {
    if (this.#context === 0) throw new Error("nftables is closed");
    // The library would write to standard error by itself.
    if (mayChangeRules() === false) return NOT_PERMITTED;
    const failed = this.#library.nft_run_cmd_from_buffer(this.#context, commands) !== 0;
    // Read even when all went well: reading empties it, and warnings are of no use to anybody.
    const words = this.#library.nft_ctx_get_error_buffer(this.#context) ?? "";
    return failed ? firstReason(words) : undefined;
  }
}

class ProgramNftables implements Nftables {
  readonly by: string;

  constructor(program: string) {
    this.by = program;
  }

  run(commands: string): void {
    this.#run(["-f", "-"], commands);
  }

  check(commands: string): void {
    this.#run(["-c", "-f", "-"], commands);
  }

  listTable(family: string, name: string): unknown {
    try {
      return parseListing(this.#run(["-j", "list", "table", family, name], ""));
    } catch (error) {
      if (error instanceof NftablesError && NO_SUCH_TABLE.test(error.message)) return undefined;
      throw error;
    }
  }

  close(): void {}

  #run(args: readonly string[], input: string): string {
    const { code, stdout, stderr } = runProgramSync(this.by, args, input, PROGRAM_TIMEOUT_MS);
    if (code !== 0) throw new NftablesError(firstReason(stderr));
    return stdout;
  }
}

function parseListing(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new NftablesError("nft gives no JSON: it was built without");
  }
}

/** nft puts the place before the words and draws under the command: the words are what a person needs. */
function firstReason(text: string): string {
  const line = text.split("\n").find((each) => each.includes("Error:")) ?? text.split("\n", 1)[0] ?? "";
  const words = line.replace(/^.*?Error: /, "").trim();
  return words === "" ? "nft failed without saying why" : words;
}
