import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EINTR, ENOENT, EPERM } from "./errno.ts";
import { NLMSG_DONE, NLMSG_ERROR, NLM_F_DUMP_INTR, type NetlinkMessage } from "./netlink-message.ts";
import { NetlinkError, readAnswers } from "./netlink-socket.ts";

const FIRST = 7;
const LAST = 10;

function message(type: number, sequence: number, number = 0, flags = 0): NetlinkMessage {
  const payload = new Uint8Array(20);
  new DataView(payload.buffer).setInt32(0, number, true);
  return { type, flags, sequence, payload };
}

/** @param received by one receive call each */
function read(...received: NetlinkMessage[][]): NetlinkMessage[] {
  return readAnswers(() => received.shift() ?? assert.fail("waits for ever"), FIRST, LAST);
}

function refusal(errno: number): (error: unknown) => boolean {
  return (error) => error instanceof NetlinkError && error.errno === errno;
}

describe("answers of the kernel", () => {
  it("are those up to the end of the last message's, in however many pieces; others' are passed over", () => {
    const parts = [message(16, LAST), message(16, 3), message(16, LAST)];
    assert.equal(read([message(NLMSG_ERROR, 3, -EPERM)], parts, [message(NLMSG_DONE, LAST)]).length, 2);
    assert.deepEqual(read([message(NLMSG_ERROR, LAST)]), []);
  });

  it("are the first error, once the last message is answered", () => {
    const later = [message(NLMSG_ERROR, 9, -EPERM), message(NLMSG_ERROR, LAST, -EPERM)];
    assert.throws(() => read([message(NLMSG_ERROR, 8, -ENOENT)], later), refusal(ENOENT));
  });

  it("are an error at once where the first message of a batch is refused", () => {
    assert.throws(() => read([message(NLMSG_ERROR, FIRST, -EPERM)]), refusal(EPERM));
  });

  it("are an error where a list changed while it was read, or ends with one", () => {
    const changed = [message(16, LAST, 0, NLM_F_DUMP_INTR), message(NLMSG_DONE, LAST)];
    assert.throws(() => read(changed), refusal(EINTR));
    assert.throws(() => read([message(NLMSG_DONE, LAST, 0, NLM_F_DUMP_INTR)]), refusal(EINTR));
    assert.throws(() => read([message(NLMSG_DONE, LAST, -ENOENT)]), refusal(ENOENT));
  });
});
