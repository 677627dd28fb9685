import { describe } from "node:test";
import { udpFrontContract } from "../../../test/contract/udp-front.ts";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { FfiFront } from "./ffi-front.ts";

describe("with FFI", { skip: withoutFfi }, () => {
  for (const threads of [1, 2]) {
    udpFrontContract(
      `FfiFront of ${threads}`,
      (parts) =>
        new FfiFront({
          ...parts,
          threads,
          onCrash: (error) => {
            throw error;
          },
        }),
    );
  }
});
