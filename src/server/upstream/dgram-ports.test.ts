import { upstreamPortsContract } from "../../../test/contract/upstream-ports.ts";
import { upstreamStreamsContract } from "../../../test/contract/upstream-streams.ts";
import { DgramPorts } from "./dgram-ports.ts";

upstreamPortsContract("DgramPorts", () => new DgramPorts());
upstreamStreamsContract("DgramPorts", () => new DgramPorts());
