/** Corefiles: every example of the pages, and the corners of the grammar. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Examples in the pages of a folder of `src/server`. */
export function examplesIn(pattern: string): string[] {
  const pages = globSync(pattern, { cwd: join(ROOT, "src/server") }).sort();
  return pages.flatMap((page) => {
    const text = readFileSync(join(ROOT, "src/server", page), "utf8");
    return [...text.matchAll(/^```corefile\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");
  });
}

const CORNERS: readonly string[] = [
  "",
  ".",
  ". {\n}\n",
  "# nothing\n",
  ".:53\nlog\nwhoami\n",
  "a, b,\nc.:5300 tls://d {\n    whoami\n}\n",
  "(common) {\n    errors\n    cache 30\n}\n. {\n    import common\n    whoami\n}\n",
  "import more.conf\n",
  ". {\n    import *.conf\n}\n",
  "{$HOST}:{%PORT%} {\n    forward . {$UPSTREAMS}\n}\n",
  '. {\n    hosts {\n        192.0.2.1 "a b" c\\"d\n        fallthrough\n    }\n}\n',
  "10.0.0.0/15 2001:db8::/33 {\n    log\n}\n",
  "\uFEFF. {\r\n    log\r\n}\r\n",
  ". {\n    errors { stacktrace }\n}\n",
];

export const COREFILES: readonly string[] = [...examplesIn("**/README.md"), ...CORNERS];

/** Words that mean something in one place or another. */
export const COREFILE_WORDS: readonly string[] = [
  ...' { } ( ) , # " \\ . : / * ? [ ] {$X} {%X% {$X:default} import (s) \n \r\n \t {\n \n}\n'.split(" "),
  ..."cache forward log errors hosts rewrite template any acl view metadata whoami health ready reload".split(" "),
  ..."bind tls dns64 autopath local nsid chaos minimal header loadbalance bufsize trace dnstap timeouts".split(" "),
  ..."cluster.local in-addr.arpa 10.0.0.0/8 fd00::/8 ::1 127.0.0.1:53 tls://192.0.2.1 /etc/resolv.conf".split(" "),
  ..."0 1 -1 30 5s 1h 100% 65535 65536 9999999999999999999 1e9 0x10 5m30s".split(" "),
  ..."success denial prefetch serve_stale fallthrough except policy random max_fails name regex exact".split(" "),
  ..."answer auto stop continue match rcode NXDOMAIN ANY IN A {{ .Name }} .Group.a (?P<a>.*) ^(.*)$ [a-z]+".split(" "),
];
