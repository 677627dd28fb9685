/** `whoami`: tells clients the address, port and transport that they are seen with. */
import { addressBytes } from "../../../base/address.ts";
import { NAME_MAX_BYTES } from "../../../dns/name.ts";
import { nameFromText } from "../../../dns/name-text.ts";
import type { ResourceRecord } from "../../../dns/records/record.ts";
import { respond } from "../../../dns/response-builder.ts";
import { RCODE_NOERROR, TYPE_A, TYPE_AAAA, TYPE_SRV } from "../../../dns/types.ts";
import type { Answer } from "../../chain/answer.ts";
import type { Handler } from "../../chain/handler.ts";
import type { Directive, Plugin, PluginInstance } from "../../chain/plugin.ts";
import type { Query } from "../../chain/query.ts";
import { expectArgs, expectNoProperties, once } from "../../corefile/arguments.ts";

export const whoami: Plugin = {
  directive: "whoami",
  setup: (directives: readonly Directive[]): PluginInstance => {
    const directive = once(directives);
    expectArgs(directive, 0);
    expectNoProperties(directive);
    return { handler: () => whoamiHandler };
  },
};

/** Answers every question, whatever its type: it never asks a next one. */
const whoamiHandler: Handler = {
  serve: async (query: Query): Promise<Answer> => ({
    wire: respond(query.wire, query.view, RCODE_NOERROR, [], {
      authoritative: true,
      additional: describeClient(query),
    }),
    plugin: "whoami",
  }),
};

function describeClient(query: Query): ResourceRecord[] {
  const { view } = query;
  const { address, port } = query.client;
  const name = query.wire.slice(12, 12 + view.nameLength);
  const records: ResourceRecord[] = [];
  const bytes = addressBytes(address);
  if (bytes?.length === 4) {
    records.push({ name, type: TYPE_A, class: view.qclass, ttl: 0, data: { kind: "a", address: bytes } });
  } else if (bytes !== undefined) {
    records.push({ name, type: TYPE_AAAA, class: view.qclass, ttl: 0, data: { kind: "aaaa", address: bytes } });
  }
  const label = nameFromText(`_${query.transport}`).slice(0, -1);
  // No room for a label before the longest names.
  if (label.length + name.length <= NAME_MAX_BYTES) {
    const owner = new Uint8Array([...label, ...name]);
    const data = { kind: "srv", priority: 0, weight: 0, port, target: new Uint8Array(1) } as const;
    records.push({ name: owner, type: TYPE_SRV, class: view.qclass, ttl: 0, data });
  }
  return records;
}
