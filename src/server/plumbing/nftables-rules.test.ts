import { describe, before } from "node:test";
import { plumbingContract } from "../../../test/contract/plumbing.ts";
import { missing } from "../../../test/support/machine.ts";
import { enterNewNetworkNamespace, sh } from "../../../test/support/network-namespace.ts";

describe("nftables", { skip: missing("linux", "root", "namespaces", "ip", "nft", "iptables") }, () => {
  before(enterNewNetworkNamespace);
  plumbingContract({
    backend: "nftables",
    takeOneAway: () => {
      const [, handle = ""] =
        /our replies;.* handle (\d+)/.exec(sh("nft", "-a", "list", "table", "ip", "nodens")) ?? [];
      sh("nft", "delete", "rule", "ip", "nodens", "output", "handle", handle);
    },
    doubleOne: () => {
      const [, rule = ""] =
        /\n\s*(ip6 saddr .*our replies;.*)\n/.exec(sh("nft", "list", "table", "ip6", "nodens")) ?? [];
      sh("nft", `add rule ip6 nodens output ${rule}`);
    },
  });
});
