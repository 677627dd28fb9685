import { describe } from "node:test";
import { upstreamPortsContract } from "../../../test/contract/upstream-ports.ts";
import { upstreamStreamsContract } from "../../../test/contract/upstream-streams.ts";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { systemClock } from "../../base/clock.ts";
import { AnswerStore } from "../cache/answer-store.ts";
import { Metrics } from "../metrics/metrics.ts";
import type { UpstreamSockets } from "../upstream/upstream-ports.ts";
import { FfiFront } from "./ffi-front.ts";

function open(): UpstreamSockets {
  const front = new FfiFront({
    threads: 1,
    store: AnswerStore.create({ bytes: 1 << 20, clock: systemClock }),
    metrics: Metrics.create({ threads: 2 }),
    onQuery: () => Promise.resolve(),
    onCrash: (error) => {
      throw error;
    },
  });
  let ended: Promise<void> | undefined;
  return {
    open: (...args) => front.ports.open(...args),
    connect: (...args) => front.ports.connect(...args),
    close: () => {
      ended ??= front.end();
      return ended;
    },
  };
}

describe("with FFI", { skip: withoutFfi }, () => {
  upstreamPortsContract("BatchPorts", open);
  upstreamStreamsContract("BatchPorts", open);
});
