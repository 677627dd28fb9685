/** The command on a machine where the C library cannot be called: no koffi for it, no Linux. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { missing } from "../support/machine.ts";
import { type NodensProcess, run, startNodens } from "../support/nodens-process.ts";

describe("without FFI", { skip: missing("dig") }, () => {
  let nodens: NodensProcess;
  before(async () => {
    const corefile = (port: number): string => `.:${port} {
    cache
    hosts {
        192.0.2.1 a.example.org
    }
}
`;
    nodens = await startNodens(corefile, [], { NODENS_NO_FFI: "1" });
  });
  after(async () => assert.equal(await nodens.end(), 0));

  it("says once how it serves", () => {
    assert.equal(nodens.output().match(/node:dgram on the main thread, slower/g)?.length, 1);
  });

  it("answers IPv4 on its dual-stack socket, over UDP and TCP, the first time and from the cache", async () => {
    for (const transport of ["+notcp", "+tcp", "+notcp"]) {
      const dig = ["@127.0.0.1", "-p", String(nodens.port), "+short", "+time=2", "+tries=1", transport];
      assert.equal(await run("dig", [...dig, "a.example.org"]), "192.0.2.1\n");
    }
  });
});
