/** A question that only its sender can know, and one attempt to have it answered over UDP. */
import { randomBytes, randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { readU16 } from "../../../dns/header.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import { buildQuery } from "../../../dns/query-builder.ts";
import { CLASS_IN, TYPE_HINFO } from "../../../dns/types.ts";

export interface Probe {
  /** Absolute name in lower-case text. */
  readonly key: string;
  readonly id: number;
  readonly wire: Uint8Array;
}

/** `<random>.<random>.<zone>`, two numbers of 62 bits as CoreDNS makes them. @param zone absolute */
export function makeProbe(zone: string): Probe {
  const key = `${randomLabel()}.${randomLabel()}.${zone === "." ? "" : zone}`;
  const id = randomInt(0x1_0000);
  return { key, id, wire: buildQuery(nameFromText(key), TYPE_HINFO, CLASS_IN, { id, recursionDesired: true }) };
}

function randomLabel(): string {
  return (randomBytes(8).readBigUInt64BE() >> 2n).toString();
}

/**
 * Sends the probe to a server of ours.
 *
 * @returns whether an answer came in time; false as well when it could not be sent or `signal` ended the wait
 */
export function sendProbe(
  probe: Probe,
  server: { readonly address: string; readonly port: number },
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const address = reachable(server.address);
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4").unref();
  return new Promise((resolve) => {
    const end = (answered: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      socket.close();
      resolve(answered);
    };
    const giveUp = (): void => end(false);
    const timer = setTimeout(giveUp, timeoutMs);
    timer.unref();
    signal.addEventListener("abort", giveUp, { once: true });
    socket.once("error", giveUp);
    socket.on("message", (message) => {
      if (message.length >= 12 && readU16(message, 0) === probe.id) end(true);
    });
    socket.send(probe.wire, server.port, address);
  });
}

/** A server on all addresses is asked on loopback. */
function reachable(address: string): string {
  if (address === "" || address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}
