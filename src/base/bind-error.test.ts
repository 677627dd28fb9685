import assert from "node:assert/strict";
import { createServer } from "node:net";
import { it } from "node:test";
import { BindError } from "./bind-error.ts";
import { describeError } from "./errors.ts";

it("says in one line who cannot bind what and why, from what Node.js throws", async () => {
  const first = createServer();
  await new Promise<void>((resolve) => first.listen(0, "127.0.0.1", resolve));
  const bound = first.address();
  assert.ok(bound !== null && typeof bound === "object");
  const second = createServer();
  const cause = await new Promise<Error>((resolve) => second.once("error", resolve).listen(bound.port, "127.0.0.1"));
  first.close();
  const error = new BindError("127.0.0.1", bound.port, cause);
  assert.equal(error.code, "NODENS_NET_BIND");
  assert.deepEqual([error.address, error.port, error.cause], ["127.0.0.1", bound.port, cause]);
  assert.equal(
    describeError(error),
    `cannot bind 127.0.0.1:${bound.port}: the address is in use. Another server is listening there: \`ss -lnptu\` names it`,
  );
});

it("brackets IPv6 and keeps the kernel's name of a cause it does not know", () => {
  const byMessage = new BindError("::1", 53, new Error("EADDRNOTAVAIL on udp [::1]:53"));
  assert.equal(byMessage.message, "cannot bind [::1]:53: no interface has this address");
  const error = new BindError("::1", 53, Object.assign(new Error("listen EINVAL"), { code: "EINVAL" }));
  assert.equal(describeError(error), "cannot bind [::1]:53: EINVAL");
});
