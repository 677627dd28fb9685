import { udpFrontContract } from "../../../test/contract/udp-front.ts";
import { systemClock } from "../../base/clock.ts";
import { DgramFront } from "./dgram-front.ts";

udpFrontContract(
  "DgramFront",
  ({ store, metrics, onQuery }) => new DgramFront({ store: store.handle, metrics, clock: systemClock, onQuery }),
);
