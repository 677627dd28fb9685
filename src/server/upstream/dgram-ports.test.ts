import { upstreamPortsContract } from "../../../test/contract/upstream-ports.ts";
import { DgramPorts } from "./dgram-ports.ts";

upstreamPortsContract("DgramPorts", () => new DgramPorts());
