/** What is kept, as messages to a server or to a keeper that takes over. */
import type { KeptDescriptor } from "./descriptor-store.ts";
import { KEEPER_VERSION, type KeptMessage, type Previous } from "./messages.ts";

/** Descriptors sent with one message: some fewer than a packet takes. */
const ITEMS_A_MESSAGE = 100;

interface KeptPacket {
  readonly message: KeptMessage;
  /** One for each item. */
  readonly fds: readonly number[];
}

/** At least one, also for nothing. */
export function keptMessages(generation: number, previous: Previous, items: readonly KeptDescriptor[]): KeptPacket[] {
  const packets: KeptPacket[] = [];
  for (let at = 0; at < items.length || at === 0; at += ITEMS_A_MESSAGE) {
    const some = items.slice(at, at + ITEMS_A_MESSAGE);
    packets.push({
      message: {
        op: "kept",
        version: KEEPER_VERSION,
        generation,
        previous,
        items: some.map(({ name, meta }) => ({ name, meta })),
        last: at + some.length === items.length,
      },
      fds: some.map(({ fd }) => fd),
    });
  }
  return packets;
}
