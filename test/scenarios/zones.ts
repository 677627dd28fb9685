/** Scenarios 44 and 45: zones with upstreams of their own. */
import { answerA, nxdomain } from "../support/scripted-upstream.ts";
import { a, replying, soaLine, zoneOf } from "./replies.ts";
import { hit, miss, missThenHit, type Scenario } from "./scenario.ts";

export const ZONES: readonly Scenario[] = [
  {
    number: 44,
    what: "the upstream of one zone sends data of another: the other zone's questions go to its own upstream",
    upstreams: [
      replying((query) => {
        const outside = zoneOf(zoneOf(query.name));
        return {
          answers: [a("192.0.2.9")],
          additional: [a("203.0.113.66", 3600, `www.b.${outside}`)],
        };
      }),
      answerA("192.0.2.10", 60),
    ],
    corefile: `a.ZONE {
  cache
  forward . 127.0.0.1:PORT_A
}
b.ZONE {
  cache
  forward . 127.0.0.1:PORT_B
}`,
    steps: [
      miss("www.a A", "A/udp", ["NOERROR", "www.a 60 A 192.0.2.9"]),
      miss("www.b A", "B/udp", ["NOERROR", "www.b 60 A 192.0.2.10"]),
      hit("www.b A", ["NOERROR", "www.b 60 A 192.0.2.10"]),
    ],
  },
  {
    number: 45,
    what: "NXDOMAIN for local.: names of cluster.local. exist nevertheless",
    upstreams: [nxdomain(300, 300), answerA("192.0.2.10", 60)],
    corefile: `local {
  cache
  forward . 127.0.0.1:PORT_A
}
cluster.local {
  cache
  forward . 127.0.0.1:PORT_B
}`,
    steps: [
      ...missThenHit("local. A", ["NXDOMAIN", soaLine(300, 300)]),
      miss("cluster.local. A", "B/udp", ["NOERROR", "cluster.local. 60 A 192.0.2.10"]),
      miss("x.cluster.local. A", "B/udp", ["NOERROR", "x.cluster.local. 60 A 192.0.2.10"]),
      hit("x.cluster.local. A", ["NOERROR", "x.cluster.local. 60 A 192.0.2.10"]),
      miss("x.local. A", "A/udp", ["NXDOMAIN", soaLine(300, 300)]),
    ],
  },
];
