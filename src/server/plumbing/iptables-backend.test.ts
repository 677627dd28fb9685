import { describe, before } from "node:test";
import { plumbingContract } from "../../../test/contract/plumbing.ts";
import { missing } from "../../../test/support/machine.ts";
import { enterNewNetworkNamespace, sh } from "../../../test/support/network-namespace.ts";

const RULE = "-p tcp -d 169.254.20.10 --dport 53 -j NOTRACK -m comment --comment".split(" ");
const COMMENT = "NodeLocal DNS Cache: skip conntrack";

describe("iptables", { skip: missing("linux", "root", "namespaces", "ip", "nft", "iptables") }, () => {
  before(enterNewNetworkNamespace);
  plumbingContract({
    backend: "iptables",
    takeOneAway: () => void sh("iptables-nft", "-t", "raw", "-D", "PREROUTING", ...RULE, COMMENT),
    doubleOne: () => void sh("iptables-nft", "-t", "raw", "-A", "PREROUTING", ...RULE, COMMENT),
  });
});
