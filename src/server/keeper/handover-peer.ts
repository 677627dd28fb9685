import type { PeerCredentials } from "../../linux/packet-channel.ts";

const ROOT = 0;

/** How long the other keeper may take for what it is asked, milliseconds. */
export const HANDOVER_PATIENCE_MS = 10_000;

/** Whether a process may be given sockets and answers, or be believed in what it gives: this user's, or root's. */
export function isTrusted({ uid }: PeerCredentials): boolean {
  return uid === process.getuid?.() || uid === ROOT;
}

/** The first message of who takes over. Versions are `KEEPER_VERSION`s. */
export interface TakeMessage {
  readonly op: "take";
  readonly version: number;
}
