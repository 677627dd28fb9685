import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { missing } from "../../../test/support/machine.ts";
import type { Log } from "../../base/log.ts";
import { closeFd } from "../../linux/fd.ts";
import { createPipe } from "../../linux/pipe.ts";
import { createRegion } from "../../linux/shared-region.ts";
import { connectUnix } from "../../linux/unix-socket.ts";
import { RING_REGION_BYTES } from "../fastpath/relay-ring.ts";
import { Channel } from "./channel.ts";
import type { KeptDescriptor } from "./descriptor-store.ts";
import { HandoverGiver, type LeaveToSuccessor } from "./handover-giver.ts";
import { HandoverSocket } from "./handover-socket.ts";
import { takeOver } from "./handover-taker.ts";
import { KeeperError } from "./keeper-error.ts";
import { KEEPER_VERSION, keptMessageOf } from "./messages.ts";

const PATIENCE_MS = 10_000;
const folder = mkdtempSync(join(tmpdir(), "nodens-handover-"));
after(() => rmSync(folder, { recursive: true }));
let paths = 0;
const newPath = (): string => join(folder, `${paths++}.sock`);
const openDescriptors = (): number => readdirSync("/proc/self/fd").length;

class Lines {
  readonly lines: string[] = [];
  readonly log = {
    debug: (line: string) => this.lines.push(line),
    info: (line: string) => this.lines.push(line),
    warning: (line: string) => this.lines.push(line),
    error: (line: string) => this.lines.push(line),
  } as unknown as Log;

  get text(): string {
    return this.lines.join("\n");
  }
}

async function until(holds: () => boolean): Promise<void> {
  const endsAt = performance.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(performance.now() < endsAt, `not within ${PATIENCE_MS} ms: ${String(holds)}`);
    await sleep(5);
  }
}

/** A keeper that gives what it is told to have. */
class Giving {
  readonly path: string;
  readonly heard: Lines;
  handedOver = 0;
  leave: LeaveToSuccessor | undefined;
  readonly #socket: HandoverSocket;
  readonly #giver: HandoverGiver;

  constructor(items: readonly KeptDescriptor[], patienceMs = PATIENCE_MS, path = newPath()) {
    this.path = path;
    this.heard = new Lines();
    this.#socket = HandoverSocket.open(this.path);
    this.#socket.publish();
    this.#giver = new HandoverGiver({
      socketFd: this.#socket.fd,
      log: this.heard.log,
      kept: () => ({ generation: 7, items }),
      onHandedOver: (leave) => {
        this.handedOver++;
        this.leave = leave;
      },
      patienceMs,
    });
  }

  connect(): Channel {
    return new Channel(connectUnix(this.path, 1000), 1000);
  }

  close(): void {
    this.#giver.close();
    this.#socket.close();
  }
}

async function receive(channel: Channel): Promise<ReturnType<Channel["receive"]>> {
  let received: ReturnType<Channel["receive"]>;
  await until(() => (received = channel.receive(false)) !== undefined);
  return received;
}

describe("the side of a hand-over that gives", { skip: withoutFfi }, () => {
  it("gives sockets and answers, keeps its own, and is over when the other is ready", async () => {
    const { readFd, writeFd } = createPipe();
    const names = ["udp/::/53", "left/7/ring/0", "answers/7", "beats"];
    const giving = new Giving(names.map((name) => ({ name, meta: { id: 3 }, fd: readFd })));
    const before = openDescriptors();
    const channel = giving.connect();
    channel.send({ op: "take", version: KEEPER_VERSION });
    const received = await receive(channel);
    assert.ok(typeof received === "object");
    assert.deepEqual(keptMessageOf(received.value), {
      op: "kept",
      version: KEEPER_VERSION,
      generation: 7,
      previous: "alive",
      items: ["udp/::/53", "answers/7"].map((name) => ({ name, meta: { id: 3 } })),
      last: true,
    });
    assert.equal(received.fds.length, 2);
    for (const fd of received.fds) closeFd(fd);
    assert.equal(giving.handedOver, 0);
    channel.send({ op: "ready" });
    await until(() => giving.handedOver === 1);
    channel.close();
    // Node.js itself may have opened one meanwhile; what was given are two.
    await until(() => openDescriptors() <= before + 1);
    giving.close();
    for (const fd of [readFd, writeFd]) closeFd(fd);
  });

  it("leaves the other what is not answered here, if the other is still there", async () => {
    const ring = createRegion("test-ring", RING_REGION_BYTES);
    assert.ok(ring.handle.kind === "memfd");
    const giving = new Giving([]);
    const channel = giving.connect();
    channel.send({ op: "take", version: KEEPER_VERSION });
    await receive(channel);
    channel.send({ op: "ready" });
    await until(() => giving.leave !== undefined);
    assert.equal(giving.leave?.(ring.handle.fd), true);
    const received = await receive(channel);
    assert.ok(typeof received === "object");
    assert.deepEqual(received.value, { op: "left" });
    assert.equal(received.fds.length, 1);
    for (const fd of received.fds) closeFd(fd);
    channel.close();
    await until(() => giving.leave?.(ring.handle.kind === "memfd" ? ring.handle.fd : -1) === false);
    assert.doesNotMatch(giving.heard.text, /has gone/);
    giving.close();
    ring.close();
  });

  it("goes on when the other goes, speaks out of turn, or says nothing, and is there for the next", async () => {
    const giving = new Giving([], 150);
    const gone = giving.connect();
    gone.send({ op: "take", version: KEEPER_VERSION });
    await receive(gone);
    gone.close();
    await until(() => giving.heard.text.includes("has gone; this one goes on"));
    const hasty = giving.connect();
    hasty.send({ op: "ready" });
    assert.equal(await receive(hasty), "closed");
    hasty.close();
    const silent = giving.connect();
    assert.equal(await receive(silent), "closed");
    silent.close();
    assert.match(giving.heard.text, /out of turn[^]*does not say what it wants/);
    const last = giving.connect();
    last.send({ op: "take", version: KEEPER_VERSION });
    assert.ok(typeof (await receive(last)) === "object");
    last.close();
    assert.equal(giving.handedOver, 0);
    giving.close();
  });

  it("turns away who comes while another takes over", async () => {
    const giving = new Giving([]);
    const first = giving.connect();
    first.send({ op: "take", version: KEEPER_VERSION });
    await receive(first);
    const second = giving.connect();
    assert.equal(await receive(second), "closed");
    for (const channel of [first, second]) channel.close();
    giving.close();
  });

  it("gives nothing to another version, and says which it is itself", async () => {
    const { readFd, writeFd } = createPipe();
    const giving = new Giving([{ name: "udp/::/53", meta: {}, fd: readFd }]);
    const channel = giving.connect();
    channel.send({ op: "take", version: KEEPER_VERSION + 1 });
    const received = await receive(channel);
    assert.ok(typeof received === "object");
    assert.deepEqual(received.fds, []);
    assert.equal((received.value as { version: unknown }).version, KEEPER_VERSION);
    assert.equal(await receive(channel), "closed");
    assert.match(giving.heard.text, /is of another version \(2, not 1\)/);
    channel.close();
    giving.close();
    for (const fd of [readFd, writeFd]) closeFd(fd);
  });
});

describe("the side of a hand-over that takes", { skip: withoutFfi }, () => {
  /** Another keeper, in a thread, since who takes waits: answers the first message with `answers`. */
  async function taking(
    answers: readonly unknown[],
    patienceMs = PATIENCE_MS,
  ): Promise<{ text: string; taken: unknown }> {
    const path = newPath();
    const socket = HandoverSocket.open(path);
    socket.publish();
    const here = JSON.stringify(new URL("../../", import.meta.url).href);
    const program = `
      const { acceptUnix } = await import(${here} + "linux/unix-socket.ts");
      const { Channel } = await import(${here} + "server/keeper/channel.ts");
      const { workerData } = await import("node:worker_threads");
      let fd;
      while ((fd = acceptUnix(workerData.fd)) === undefined);
      const channel = new Channel(fd);
      channel.receive(true);
      for (const answer of workerData.answers) channel.send(answer);
      if (workerData.answers.length === 0) channel.receive(true);
      channel.close();`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
      workerData: { fd: socket.fd, answers },
    });
    const over = new Promise<void>(
      (resolve, reject) => void worker.once("error", reject).once("exit", () => resolve()),
    );
    await new Promise((resolve) => worker.once("online", resolve));
    const heard = new Lines();
    const taken = takeOver(path, heard.log, patienceMs);
    await over;
    socket.close();
    return { text: heard.text, taken };
  }

  const kept = { op: "kept", version: KEEPER_VERSION, generation: 7, previous: "alive", items: [], last: true };

  it("takes what comes in several messages", async () => {
    const { taken } = await taking([{ ...kept, last: false }, kept]);
    assert.deepEqual((taken as { items: unknown; generation: unknown }).items, []);
    assert.equal((taken as { generation: unknown }).generation, 7);
  });

  it("takes nothing where nobody is, and is silent about it", () => {
    const heard = new Lines();
    const path = newPath();
    assert.equal(takeOver(path, heard.log), undefined);
    HandoverSocket.open(path).publish();
    assert.equal(heard.text, "");
  });

  for (const [what, answers, line] of [
    [
      "of another version",
      [{ ...kept, version: KEEPER_VERSION + 1 }],
      /is of another version.*in use until it has ended/,
    ],
    ["that speaks of what it does not send", [{ ...kept, items: [{ name: "udp/::/53", meta: {} }] }], /do not match/],
    ["that stops half way", [{ ...kept, last: false }], /has refused/],
    ["that says something else", [{ op: "else" }], /the first message does not say what is kept/],
  ] as const) {
    it(`takes nothing from one ${what}`, async () => {
      const { text, taken } = await taking(answers);
      assert.equal(taken, undefined);
      assert.match(text, line);
    });
  }

  it("gives one up that is silent", async () => {
    const { text, taken } = await taking([], 200);
    assert.equal(taken, undefined);
    assert.match(text, /does not answer/);
  });
});

describe("the socket of a hand-over", { skip: withoutFfi }, () => {
  it("is this user's alone, and found only when it is published", () => {
    const path = newPath();
    const socket = HandoverSocket.open(path);
    assert.equal(existsSync(path), false);
    socket.publish();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    socket.close();
    assert.equal(existsSync(path), false);
  });

  it("takes the place of a stale one, and leaves the name to who took it", () => {
    const path = newPath();
    const old = HandoverSocket.open(path);
    old.publish();
    // Of another process, in truth: its name aside is another.
    const next = HandoverSocket.open(path);
    next.publish();
    const { ino } = lstatSync(path);
    old.close();
    assert.equal(lstatSync(path).ino, ino);
    next.close();
  });

  it("cannot be where there is no folder, or a file, or where the path is too long", () => {
    const file = newPath();
    writeFileSync(file, "precious");
    for (const [path, why] of [
      [join(folder, "missing", "x.sock"), /ENOENT.*Its folder must exist|ENOENT/],
      [file, /there is a file that is no socket/],
      [join(folder, "x".repeat(100)), /the path is too long/],
    ] as const) {
      assert.throws(
        () => HandoverSocket.open(path),
        (error) => error instanceof KeeperError && why.test(error.message),
      );
    }
  });
});

describe("a process of another user", { skip: withoutFfi !== false ? withoutFfi : missing("root") }, () => {
  const NOBODY = 65_534;
  const here = JSON.stringify(new URL("../../", import.meta.url).href);
  const imports = `
    const { acceptUnix, bindUnix, connectUnix, listenUnix } = await import(${here} + "linux/unix-socket.ts");
    const { Channel } = await import(${here} + "server/keeper/channel.ts");
    const become = () => { process.setgroups([]); process.setgid(${NOBODY}); process.setuid(${NOBODY}); };`;
  /** Where anybody may go. */
  const openFolder = mkdtempSync(join(tmpdir(), "nodens-handover-open-"));
  chmodSync(openFolder, 0o777);
  after(() => rmSync(openFolder, { recursive: true }));

  /** A process that loads what it needs as this user, and becomes another. @returns what it printed */
  function startOther(program: string, path: string): { readonly child: ChildProcess; readonly said: Promise<string> } {
    const child = spawn(
      process.execPath,
      ["--input-type=module", "-e", `${imports}\nconst path = process.argv[1];\n${program}`, path],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    return { child, said: once(child, "close").then(() => said) };
  }

  it("is given nothing, although it can reach the socket", async () => {
    const { readFd, writeFd } = createPipe();
    const giving = new Giving(
      [{ name: "udp/::/53", meta: {}, fd: readFd }],
      PATIENCE_MS,
      join(openFolder, "given.sock"),
    );
    chmodSync(giving.path, 0o666);
    const { said } = startOther(
      `become();
      const channel = new Channel(connectUnix(path, 5000), 5000);
      try { channel.send({ op: "take", version: ${KEEPER_VERSION} }); } catch {}
      console.log(process.getuid(), JSON.stringify(channel.receive(true)));`,
      giving.path,
    );
    assert.equal(await said, `${NOBODY} "closed"\n`);
    assert.match(giving.heard.text, /process \d+ of another user \(uid 65534\) may not take over/);
    assert.equal(giving.handedOver, 0);
    giving.close();
    for (const fd of [readFd, writeFd]) closeFd(fd);
  });

  it("cannot even reach the socket as it is made", async () => {
    const giving = new Giving([], PATIENCE_MS, join(openFolder, "closed.sock"));
    const { said } = startOther(
      `become();
      try { connectUnix(path, 5000); console.log("connected"); } catch (error) { console.log(error.message); }`,
      giving.path,
    );
    assert.equal(await said, "EACCES\n");
    giving.close();
  });

  it("is not believed when it says that it keeps something", async () => {
    const path = join(openFolder, "theirs.sock");
    const { child, said } = startOther(
      `become();
      const fd = bindUnix(path);
      listenUnix(fd);
      console.log("listening");
      let accepted;
      while ((accepted = acceptUnix(fd)) === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      console.log(JSON.stringify(new Channel(accepted, 5000).receive(true)));`,
      path,
    );
    await once(child.stdout ?? child, "data");
    const heard = new Lines();
    assert.equal(takeOver(path, heard.log, PATIENCE_MS), undefined);
    assert.match(heard.text, /nothing is taken over at .*: process \d+ there is of another user \(uid 65534\)/);
    assert.equal(await said, 'listening\n"closed"\n', "it was told nothing");
  });
});
