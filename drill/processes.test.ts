import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { describe, it } from "node:test";
import { missing } from "../test/support/machine.ts";
import { parseDrops } from "./kernel-drops.ts";
import { isAlive, killMarked, serverBelow, serverProcess, type ProcessTable } from "./processes.ts";

function table(processes: Record<number, { parent: number; command: string }>): ProcessTable {
  return {
    childrenOf: (pid) =>
      Object.entries(processes)
        .filter(([, { parent }]) => parent === pid)
        .map(([child]) => Number(child)),
    argumentsOf: (pid) => (processes[pid]?.command ?? "").split(" ").filter((word) => word !== ""),
  };
}

it("takes the child that serves for the server, and no other child", () => {
  const processes = table({
    10: { parent: 1, command: "node nodens.js serve -c Corefile" },
    11: { parent: 10, command: "sleep 5" },
    12: { parent: 10, command: "node main.ts serve -c Corefile" },
  });
  assert.equal(serverProcess(10, processes), 12);
});

it("takes the started process itself where it has no such child", () => {
  const processes = table({
    10: { parent: 1, command: "node nodens.js serve" },
    11: { parent: 10, command: "sleep 5" },
  });
  assert.deepEqual([serverProcess(10, processes), serverBelow(10, processes)], [10, undefined]);
});

it("takes a server that has died and was not waited for as gone", () => {
  const processes = table({ 10: { parent: 1, command: "node nodens.js serve" }, 12: { parent: 10, command: "" } });
  assert.deepEqual([serverBelow(10, processes), isAlive(12, processes)], [undefined, false]);
});

it("reads the drops of a port out of /proc/net/udp", () => {
  const text = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  375: 0100007F:5014 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4096 2 0000000000000000 12
  376: 0200007F:5014 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4097 2 0000000000000000 3
  377: 0100007F:5015 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4098 2 0000000000000000 99
`;
  assert.deepEqual(
    [parseDrops(text, 0x5014), parseDrops(text, 0x14), parseDrops(text, 0x5016)],
    [15, undefined, undefined],
  );
});

describe("processes of this machine", { skip: missing("linux") }, () => {
  it("ends what was started with a mark, orphans that stand still too, and nothing else", async () => {
    const mark = `NODENS_DRILL_TEST=${randomUUID()}`;
    const [name = "", value = ""] = mark.split("=");
    const marked = spawn("sh", ["-c", "sleep 60 & kill -STOP $!; echo $!"], { env: { ...process.env, [name]: value } });
    const [printed] = (await once(marked.stdout, "data")) as [Buffer];
    const orphan = Number(String(printed));
    const other = spawn("sleep", ["60"]);
    try {
      assert.ok(isAlive(orphan));
      killMarked(mark);
      const deadline = performance.now() + 10_000;
      while (isAlive(orphan) && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual([isAlive(orphan), isAlive(other.pid ?? 0)], [false, true]);
    } finally {
      other.kill("SIGKILL");
    }
  });
});
