/** A Corefile without a server block: CoreDNS then serves what it serves without a Corefile. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeMessage } from "../../src/dns/message.ts";
import { askUdp, queryFor } from "../support/dns-client.ts";
import { freePort } from "../support/free-port.ts";
import { startNodens } from "../support/nodens-process.ts";

const A = 1;

describe("a Corefile without a server block", () => {
  for (const [what, text] of [
    ["an empty file", ""],
    ["only comments", "# nothing\n# yet\n"],
    ["only snippets", "(unused) {\n    errors\n}\n"],
  ] as const) {
    it(`tells who asks who it is: ${what}`, async () => {
      const port = await freePort();
      const nodens = await startNodens(() => text, ["--listen", `127.0.0.1:${port}`]);
      try {
        const reply = decodeMessage(await askUdp({ port, wire: queryFor("who.example.", A) }));
        assert.equal(reply.rcode, 0);
        assert.match(
          nodens.output(),
          new RegExp(`^\\.:${port} on 127\\.0\\.0\\.1$`, "m"),
          "where it listens, not where the key says",
        );
        assert.equal(reply.additional.length, 2, "address and port of who asks");
      } finally {
        assert.equal(await nodens.end(), 0);
      }
    });
  }
});
