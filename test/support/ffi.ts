/** For the `skip` option of tests that call the C library. */
import { libc } from "../../src/linux/libc.ts";

/** False where there is FFI. With `CI=true` it must be there: then nothing is skipped, and the tests fail. */
export const withoutFfi: string | false =
  libc() === undefined && process.env["CI"] !== "true" ? "there is no FFI on this machine" : false;
