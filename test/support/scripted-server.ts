/**
 * A server that does nothing but what its arguments say, for who starts servers: the path of a file in which each start leaves
 * a line, and what the first, second … start does (the last one repeats).
 *
 *   ready   says that it serves, and waits
 *   dies    says that it serves, and ends with 1
 *   hangs   says nothing, and waits
 */
import { appendFileSync, readFileSync } from "node:fs";
import { writeFd } from "../../src/linux/fd.ts";
import { Channel } from "../../src/server/keeper/channel.ts";
import { BELL_VARIABLE, CHANNEL_VARIABLE } from "../../src/server/keeper/names.ts";

const [path = "", ...acts] = process.argv.slice(2);
appendFileSync(path, `${process.pid}\n`);
const starts = readFileSync(path, "utf8").trimEnd().split("\n").length;
const act = acts[Math.min(starts, acts.length) - 1];
if (act !== "hangs") {
  new Channel(Number(process.env[CHANNEL_VARIABLE])).send({ op: "ready" });
  writeFd(Number(process.env[BELL_VARIABLE]), Uint8Array.of(1));
}
if (act === "dies") process.exitCode = 1;
else setInterval(() => undefined, 60_000);
