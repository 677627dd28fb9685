/** Plays scenarios against the real server: one server for many, each with its zone and its upstreams. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { CLASS_IN, typeNumber } from "../../src/dns/types.ts";
import { nameFromText } from "../../src/dns/name-text.ts";
import { buildQuery, type QueryOptions } from "../../src/dns/query-builder.ts";
import { askTcp, askUdp } from "../support/dns-client.ts";
import { type RunningServer, runServer } from "../support/running-server.ts";
import { type ScriptedUpstream, startUpstream, type UpstreamQuery } from "../support/scripted-upstream.ts";
import { assertLines, assertSound, linesOfReply } from "./reply-text.ts";
import type { AskStep, BurstStep, Scenario, Step } from "./scenario.ts";

/** Longer than any client waits: a later reply is no reply. */
const CLIENT_GIVES_UP_MS = 5000;
const UDP_SIZE = 1232;
const BURST_SOCKETS = 100;
/** Queries sent before the server and the upstreams, which are in this process, get their turn. */
const BURST_AT_ONCE = 50;
const BURST_PAUSE_MS = 2;
const BURST_RESEND_MS = 1000;
const BURST_GIVES_UP_MS = 20_000;
const MEANWHILE_EVERY_MS = 10;

/** A scenario with its upstreams running. */
interface Stage {
  readonly scenario: Scenario;
  readonly zone: string;
  readonly upstreams: ScriptedUpstream[];
  /** Queries of upstreams that were closed since. */
  readonly earlier: { readonly letter: string; readonly query: UpstreamQuery }[];
}

export class Theatre {
  readonly #stages: Map<Scenario, Stage>;
  readonly #running: RunningServer;

  private constructor(stages: Map<Scenario, Stage>, running: RunningServer) {
    this.#stages = stages;
    this.#running = running;
  }

  static async open(scenarios: readonly Scenario[]): Promise<Theatre> {
    const stages = new Map<Scenario, Stage>();
    for (const [i, scenario] of scenarios.entries()) {
      const upstreams = await Promise.all(
        scenario.upstreams.map((script) => startUpstream({ script, tcp: scenario.tcp ?? true })),
      );
      stages.set(scenario, { scenario, zone: `s${scenario.number}-${i}.test.`, upstreams, earlier: [] });
    }
    const corefile = [...stages.values()].map((stage) => corefileOf(stage)).join("\n");
    return new Theatre(stages, await runServer(corefile, { server: { cacheBytes: 32 * 1024 * 1024 } }));
  }

  async close(): Promise<void> {
    await this.#running.stop();
    for (const { upstreams } of this.#stages.values()) {
      for (const upstream of upstreams) await upstream.close();
    }
  }

  async play(scenario: Scenario): Promise<void> {
    const stage = this.#stages.get(scenario);
    assert.ok(stage);
    for (const [i, step] of scenario.steps.entries()) await this.#step(stage, step, `step ${i + 1}`);
    assert.deepEqual(this.#running.fatals, []);
  }

  async #step(stage: Stage, step: Step, label: string): Promise<void> {
    switch (step.kind) {
      case "ask":
        return this.#ask(stage, step, `${label}, ${step.question}`);
      case "burst":
        return this.#burst(stage, step, `${label}, ${step.question}`);
      case "use":
        for (const [i, script] of step.upstreams.entries()) stage.upstreams[i]?.use(script);
        return;
      case "wait":
        await sleep(step.ms);
        return;
      case "down":
      case "up":
        return turn(stage, step.upstream, step.kind);
    }
  }

  async #ask(stage: Stage, step: AskStep, label: string): Promise<void> {
    const {
      tcp,
      opt = UDP_SIZE,
      dnssecOk,
      checkingDisabled,
      afterMs = 0,
      beforeMs = CLIENT_GIVES_UP_MS,
    } = step.options;
    const wire = queryOf(step.question, stage.zone, {
      id: randomInt(65536),
      udpSize: opt === false ? undefined : opt,
      ...(checkingDisabled === undefined ? {} : { checkingDisabled }),
      ...(dnssecOk === undefined ? {} : { dnssecOk }),
    });
    const sentBefore = sentOf(stage).length;
    const startedMs = performance.now();
    const ask = { port: this.#running.port, wire, timeoutMs: CLIENT_GIVES_UP_MS };
    const reply = await (tcp === true ? askTcp(ask) : askUdp(ask));
    const tookMs = performance.now() - startedMs;
    assertSound(reply, wire, tcp === true);
    assertLines(linesOfReply(reply, stage.zone), step.gets, label);
    assert.deepEqual(sentOf(stage).slice(sentBefore), step.sent, `${label}: sent upstream`);
    assert.ok(tookMs >= afterMs && tookMs <= beforeMs, `${label}: ${tookMs} ms, not ${afterMs} to ${beforeMs}`);
  }

  async #burst(stage: Stage, step: BurstStep, label: string): Promise<void> {
    const sentBefore = sentOf(stage).length;
    let over = false;
    const burst = burstOf(this.#running.port, stage.zone, step).finally(() => {
      over = true;
    });
    const { meanwhile } = step;
    let hits = 0;
    while (meanwhile !== undefined && !over) {
      const wire = queryOf(meanwhile.question, stage.zone, { udpSize: UDP_SIZE });
      const reply = await askUdp({ port: this.#running.port, wire });
      assert.equal(linesOfReply(reply, stage.zone)[0], meanwhile.gets, `${label}: meanwhile`);
      hits++;
      await sleep(MEANWHILE_EVERY_MS);
    }
    const replies = await burst;
    const others = [...replies.keys()].filter((line) => !step.gets.includes(line));
    assert.deepEqual(others, [], `${label}: all but ${step.gets.join(", ")}`);
    if (meanwhile !== undefined) assert.ok(hits > 20, `${label}: only ${hits} hits meanwhile`);
    const sent = sentOf(stage).length - sentBefore;
    assert.ok(sent <= step.sentAtMost, `${label}: ${sent} queries sent upstream`);
  }
}

function corefileOf({ scenario, zone, upstreams }: Stage): string {
  const letters = upstreams.map((_, i) => letterOf(i));
  const text =
    scenario.corefile ??
    `ZONE {
  cache {
    ${scenario.cache ?? ""}
  }
  forward . ${letters.map((letter) => `127.0.0.1:PORT_${letter}`).join(" ")} {
    policy sequential
    ${scenario.forward ?? ""}
  }
}`;
  let filled = text.replaceAll("ZONE", zone);
  for (const [i, { port }] of upstreams.entries()) filled = filled.replaceAll(`PORT_${letterOf(i)}`, String(port));
  return filled;
}

function letterOf(index: number): string {
  return String.fromCharCode(65 + index);
}

/**
 * What upstreams got, in order of arrival, as `A/udp`. Health checks are left out, and what a server of another test may
 * still send to a port that was another upstream's before.
 */
function sentOf({ zone, upstreams, earlier }: Stage): string[] {
  const open = upstreams.flatMap(({ queries }, i) => queries.map((query) => ({ letter: letterOf(i), query })));
  return [...earlier, ...open]
    .filter(({ query: { name } }) => name.toLowerCase().endsWith(zone) || name.endsWith("local."))
    .toSorted((one, other) => one.query.atMs - other.query.atMs)
    .map(({ letter, query }) => `${letter}/${query.transport}`);
}

async function turn(stage: Stage, letter: string, to: "down" | "up"): Promise<void> {
  const index = letter.charCodeAt(0) - 65;
  const upstream = stage.upstreams[index];
  assert.ok(upstream, `no upstream ${letter}`);
  if (to === "down") {
    await upstream.close();
    return;
  }
  stage.earlier.push(...upstream.queries.map((query) => ({ letter, query })));
  const script = stage.scenario.upstreams[index];
  assert.ok(script);
  stage.upstreams[index] = await startUpstream({ script, tcp: stage.scenario.tcp ?? true, port: upstream.port });
}

function queryOf(question: string, zone: string, options: QueryOptions): Uint8Array {
  const [name = "", type = ""] = question.split(" ");
  const number = typeNumber(type);
  assert.ok(number !== undefined, `no type ${type}`);
  const absolute = name.endsWith(".") ? name : name === "@" ? zone : `${name}.${zone}`;
  return buildQuery(nameFromText(absolute), number, CLASS_IN, options);
}

/** @returns how often each first line came; `no reply` for what got none */
async function burstOf(port: number, zone: string, step: BurstStep): Promise<Map<string, number>> {
  const sockets = Array.from({ length: BURST_SOCKETS }, () => createSocket("udp4"));
  const replies = new Map<number, string>();
  const perSocket = Math.ceil(step.count / BURST_SOCKETS);
  for (const [s, socket] of sockets.entries()) {
    socket.on("message", (message) => {
      const id = message.readUInt16BE(0);
      const number = s * perSocket + id;
      if (!replies.has(number)) replies.set(number, linesOfReply(Uint8Array.from(message), zone)[0] ?? "");
    });
    socket.connect(port, "127.0.0.1");
  }
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const givesUpAtMs = performance.now() + BURST_GIVES_UP_MS;
  for (;;) {
    const open = Array.from({ length: step.count }, (_, i) => i).filter((i) => !replies.has(i));
    if (open.length === 0 || performance.now() > givesUpAtMs) break;
    for (const [k, i] of open.entries()) {
      const wire = queryOf(step.question.replace("{i}", String(i)), zone, { id: i % perSocket, udpSize: UDP_SIZE });
      sockets[Math.floor(i / perSocket)]?.send(wire);
      if (k % BURST_AT_ONCE === BURST_AT_ONCE - 1) await sleep(BURST_PAUSE_MS);
    }
    const resendAtMs = performance.now() + BURST_RESEND_MS;
    while (replies.size < step.count && performance.now() < resendAtMs) await sleep(20);
  }
  for (const socket of sockets) socket.close();
  const counts = new Map<string, number>();
  for (let i = 0; i < step.count; i++) {
    const line = replies.get(i) ?? "no reply";
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return counts;
}
