/** A plugin from a Corefile in front of an upstream that knows a few names: questions through, replies out. */
import { ConfigError } from "../src/base/errors.ts";
import { recordFromText } from "../src/dns/records/record-text.ts";
import { respond } from "../src/dns/response-builder.ts";
import { ResponseScan, scanResponse } from "../src/dns/response-scan.ts";
import { TYPE_CNAME } from "../src/dns/types.ts";
import type { Answer } from "../src/server/chain/answer.ts";
import { finishReply, REPLY_ROOM_BYTES } from "../src/server/chain/finish-reply.ts";
import type { Handler } from "../src/server/chain/handler.ts";
import type { Plugin } from "../src/server/chain/plugin.ts";
import type { Query } from "../src/server/chain/query.ts";
import { parseCorefile } from "../src/server/corefile/parse.ts";
import type { Directive } from "../src/server/corefile/tree.ts";
import { Metrics } from "../src/server/metrics/metrics.ts";
import { fakeContext, testQuery } from "../test/support/setup-context.ts";
import { check } from "./target.ts";

const QUERIES: readonly Query[] = [
  testQuery("www.example.org.", "A"),
  testQuery("Web.Shop.svc.cluster.local.", "AAAA", { dnssecOk: true }),
  testQuery("ip-10-0-0-1.example.", "A", { udpSize: 1232 }),
  testQuery("_https._tcp.web.example.org.", "SRV"),
  testQuery("alias.example.org.", "CNAME"),
  testQuery("10.0.96.10.in-addr.arpa.", "PTR"),
  testQuery("a\\.b\\000\\255\\\\.example.org.", "TXT"),
  testQuery(`${"a.".repeat(126)}.`.replace("..", "."), "A"),
  testQuery(".", "NS"),
];

const scan = new ResponseScan();
const out = new Uint8Array(REPLY_ROOM_BYTES);

/** @returns 0 when the text is refused; else the number of questions that were answered with records */
export async function askThrough(plugin: Plugin, text: string): Promise<number> {
  const instance = instanceOf(plugin, text);
  const handler = instance?.handler(upstream);
  if (handler === undefined) return 0;
  let answered = 0;
  for (const query of QUERIES) {
    const sent = query.wire.slice();
    const answer = await handler.serve(query);
    check(Buffer.compare(query.wire, sent) === 0, "a plugin leaves the query as it is");
    if (answer.dropped === true) continue;
    check(scanResponse(answer.wire, 0, answer.wire.length, scan) === 0, "an answer is a whole message");
    check(scan.questionEnd === query.view.questionEnd, "an answer has the client's question");
    const length = finishReply(query, answer, out);
    check(scanResponse(out, 0, length, scan) === 0, "a reply is a whole message");
    if (scan.answerCount > 0) answered++;
  }
  return 1 + answered;
}

function instanceOf(plugin: Plugin, text: string): { handler(next: Handler): Handler } | undefined {
  try {
    const corefile = parseCorefile(`. {\n${text}\n}\n`, "Corefile", {
      env: {},
      readFile: (path) => {
        throw Object.assign(new Error(`no file ${path}`), { code: "ENOENT" });
      },
      glob: () => [],
      warn: () => {},
    });
    const directives: Directive[] = [];
    for (const block of corefile.blocks) {
      directives.push(...block.directives.filter(({ name }) => name.text === plugin.directive));
    }
    if (directives.length === 0) return undefined;
    const context = fakeContext({
      metrics: Metrics.create({ threads: 1 }),
      zones: [".", "example.org."],
      ask: (query) => upstream.serve(query),
    });
    const instance = plugin.setup(directives, context);
    return { handler: (next) => instance.handler?.(next) ?? next };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    check(error.position.line >= 1 && error.position.column >= 1, "a mistake has a place");
    return undefined;
  }
}

/** Answers what it is asked for, with names in the data where there can be some. */
const upstream: Handler = { serve: (query) => Promise.resolve(answerTo(query)) };

function answerTo(query: Query): Answer {
  const owner = query.wire.slice(12, 12 + query.view.nameLength);
  const lines = {
    1: ["@ 300 IN A 192.0.2.1", "@ 300 IN A 192.0.2.2"],
    2: ["@ 300 IN NS ns.example.org."],
    [TYPE_CNAME]: ["@ 300 IN CNAME www.example.org."],
    12: ["@ 300 IN PTR www.example.org."],
    16: ['@ 300 IN TXT "some text"'],
    28: ["@ 60 IN CNAME www.example.org.", "www.example.org. 300 IN AAAA 2001:db8::1"],
    33: ["@ 300 IN SRV 1 2 443 www.example.org."],
  }[query.view.qtype];
  const authority = lines === undefined ? ["example.org. 60 IN SOA ns.example.org. admin.example.org. 1 2 3 4 60"] : [];
  const records = (list: readonly string[]) => list.map((line) => ({ ...recordFromText(line, owner) }));
  const wire = respond(query.wire, query.view, 0, records(lines ?? []), { authority: records(authority) });
  return { wire, plugin: "forward" };
}
