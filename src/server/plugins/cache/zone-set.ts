/** Whether a name lies in one of some zones. */
import { HEADER_BYTES } from "../../../dns/header.ts";
import { isBelow } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";

export class ZoneSet {
  readonly #zones: readonly { readonly text: string; readonly name: Uint8Array }[];

  /** @param zones lower case, absolute */
  constructor(zones: readonly string[]) {
    this.#zones = zones
      .map((text) => ({ text, name: nameFromText(text) }))
      .toSorted((a, b) => b.name.length - a.name.length);
  }

  /** Whether the question of a message lies in one of the zones. */
  hasQuestion(wire: Uint8Array): boolean {
    for (const zone of this.#zones) if (isBelow(wire, HEADER_BYTES, zone.name)) return true;
    return false;
  }

  /** The longest zone that the question of a message lies in. */
  zoneOfQuestion(wire: Uint8Array): string | undefined {
    return this.#zones.find((zone) => isBelow(wire, HEADER_BYTES, zone.name))?.text;
  }
}
