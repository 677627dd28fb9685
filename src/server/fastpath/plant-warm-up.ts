/**
 * What the main thread prepares for the warm-up of its fast-path threads (`warm-up.ts`): a few answers in the store,
 * the queries for them, and a pair of sockets for each thread.
 */
import { FLAG_QR, FLAGS_AT, HEADER_BYTES, writeU16 } from "../../dns/header.ts";
import { nameFromText } from "../../dns/name-text.ts";
import { buildQuery } from "../../dns/query-builder.ts";
import { admitQuery, QueryView } from "../../dns/query-view.ts";
import { ResponseScan, scanResponse } from "../../dns/response-scan.ts";
import { CLASS_IN, TYPE_A } from "../../dns/types.ts";
import { openConnected, openListener } from "../../linux/udp-socket.ts";
import type { AnswerStore } from "../cache/answer-store.ts";
import { KIND_SUCCESS } from "../cache/region-layout.ts";
import type { WarmUpPlan, WarmUpSockets } from "./thread-messages.ts";

/** A zone that nobody asks for (RFC 6761 §6.4), in a partition that no server block has. */
const ZONE = "warm-up.invalid.";
const PARTITION = "warm-up";
/** Longer than a thread takes; the entries then leave like any. */
const TTL_S = 60;
const A_RECORD = Uint8Array.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, TTL_S, 0, 4, 192, 0, 2, 1);

/** Puts the answers in that the threads will ask for. */
export function plantWarmUp(store: AnswerStore): WarmUpPlan {
  const partition = store.partition(PARTITION);
  const queries = warmUpQueries();
  const view = new QueryView();
  const scan = new ResponseScan();
  for (const wire of queries) {
    admitQuery(wire, 0, wire.length, view);
    const message = new Uint8Array(view.questionEnd + A_RECORD.length);
    message.set(wire.subarray(0, view.questionEnd));
    message.set(A_RECORD, view.questionEnd);
    message.fill(0, 6, HEADER_BYTES);
    writeU16(message, FLAGS_AT, FLAG_QR);
    writeU16(message, 6, 1);
    if (scanResponse(message, 0, message.length, scan) !== 0) throw new Error("the warm-up's own answer is malformed");
    store.put(wire, view, partition, message, scan, {
      kind: KIND_SUCCESS,
      ttlS: TTL_S,
      staleS: 0,
      deniesName: false,
      aside: false,
      keepTtl: false,
      authoritative: false,
      answers: true,
    });
  }
  return { partition, zone: nameFromText(ZONE), queries };
}

/** A listening socket and one connected to it; the thread that gets them closes them. @throws BindError */
export function openWarmUpSockets(): WarmUpSockets {
  const server = openListener("127.0.0.1", 0);
  try {
    return { serverFd: server.fd, clientFd: openConnected({ address: "127.0.0.1", port: server.port }, undefined) };
  } catch (error) {
    server.close();
    throw error;
  }
}

/** With and without OPT and DO, names of several lengths and in mixed case. */
function warmUpQueries(): Uint8Array[] {
  const names = ["a", "Web-Frontend.default", "kubernetes.default.svc.cluster", "x.Y.z"].map(
    (label) => `${label}.${ZONE}`,
  );
  return names.flatMap((name) =>
    [undefined, 512, 1232].map((udpSize) =>
      buildQuery(nameFromText(name), TYPE_A, CLASS_IN, {
        id: name.length,
        recursionDesired: true,
        checkingDisabled: false,
        authenticData: true,
        dnssecOk: false,
        udpSize,
      }),
    ),
  );
}
