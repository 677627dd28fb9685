/**
 * Corefiles and what they mean: a tree, or one error at one place.
 *
 * The tree is written one line a key line or directive; words with anything but plain characters stand in JSON quotes.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { posix } from "node:path";
import { ConfigError } from "../../base/errors.ts";
import { type DirectiveStatus, parseCorefile } from "./parse.ts";
import type { Corefile, Token } from "./tree.ts";

interface Case {
  readonly title: string;
  readonly text: string;
  /** Other files, by path relative to the Corefile's folder. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Lines of the tree. */
  readonly tree?: readonly string[];
  /** The whole message. */
  readonly error?: string;
  readonly hint?: string;
  readonly warnings?: readonly string[];
}

const built = new Set(["bind", "cache", "errors", "forward", "health", "hosts", "log", "loop", "reload", "whoami"]);

function directiveStatus(name: string): DirectiveStatus {
  if (built.has(name)) return "built";
  return name === "etcd" ? "known" : "unknown";
}

const wellFormed: readonly Case[] = [
  { title: "an empty file is no server", text: "", tree: [] },
  { title: "white space and comments are no server", text: "\n \t# nothing\r\n#\n", tree: [] },
  { title: "one block", text: ". {\n  whoami\n}\n", tree: [".", "  whoami"] },
  { title: "a block without directives", text: "example.org {\n}\n", tree: ["example.org"] },
  { title: "both braces on the line of the zone", text: ". { }", tree: ["."] },
  { title: "an opening brace on the next line", text: ".\n{\nwhoami\n}", tree: [".", "  whoami"] },
  {
    title: "a directive on the line of the opening brace",
    text: ". { log\nwhoami\n}",
    tree: [".", "  log", "  whoami"],
  },
  { title: "two blocks", text: "a {\nlog\n}\nb {\nwhoami\n}", tree: ["a", "  log", "b", "  whoami"] },
  { title: "a block right after a closing brace", text: "a {\n} b {\n}", tree: ["a", "b"] },
  { title: "a block without a final newline", text: ". {\nwhoami\n}", tree: [".", "  whoami"] },
  { title: "several zones with spaces", text: "a b c {\n}", tree: ["a b c"] },
  { title: "several zones with commas", text: "a, b,c. {\n}", tree: ["a b,c."] },
  { title: "a comma that continues on the next line", text: "a,\nb,\n\n  c {\n}", tree: ["a b c"] },
  { title: "zones with schemes and ports", text: "dns://.:53, tls://x:853 {\n}", tree: ["dns://.:53 tls://x:853"] },
  { title: "zones keep their spelling in the tree", text: "EXAMPLE.Org {\n}", tree: ["EXAMPLE.Org"] },
  { title: "CIDR zones", text: "10.0.0.0/15 2001:db8::/32 {\n}", tree: ["10.0.0.0/15 2001:db8::/32"] },
  { title: "one block without braces", text: ".:5300\nlog\nwhoami\n", tree: [".:5300", "  log", "  whoami"] },
  { title: "a zone and nothing else", text: "example.org", tree: ["example.org"] },
  {
    title: "no braces around the block, but in a directive",
    text: ".\ncache 30 {\nsuccess 5\n}\nlog",
    tree: [".", "  cache 30 {", "    success 5", "  }", "  log"],
  },
  {
    title: "arguments",
    text: ". {\nforward . 192.0.2.1 tls://192.0.2.2\n}",
    tree: [".", "  forward . 192.0.2.1 tls://192.0.2.2"],
  },
  {
    title: "properties",
    text: ". {\ncache {\n\nsuccess 5 3600\n\n denial 6\n}\n}",
    tree: [".", "  cache {", "    success 5 3600", "    denial 6", "  }"],
  },
  { title: "empty braces of a directive", text: ". {\ncache {\n}\nlog\n}", tree: [".", "  cache {", "  }", "  log"] },
  {
    title: "a directive's braces on one line",
    text: ". {\nerrors { stacktrace }\n}",
    tree: [".", "  errors {", "    stacktrace", "  }"],
  },
  {
    title: "a property on the line of the opening brace",
    text: ". {\ncache { success 5\n}\n}",
    tree: [".", "  cache {", "    success 5", "  }"],
  },
  {
    title: "the same directive twice, in file order",
    text: ". {\nbind ::1\nlog\nbind 127.0.0.1\n}",
    tree: [".", "  bind ::1", "  log", "  bind 127.0.0.1"],
  },
  { title: "an argument that only holds a brace", text: ". {\nlog a{b}c {x} {}\n}", tree: [".", "  log a{b}c {x} {}"] },
  { title: "a comment after a word", text: ". { # root\nlog # all\n}", tree: [".", "  log"] },
  { title: "a comment right behind a word", text: ". {\nforward . 1.1.1.1#53\n}", tree: [".", "  forward . 1.1.1.1"] },
  {
    title: "a comment right behind a word goes on to the end of the line",
    text: ". {\nforward . 1.1.1.1#53 8.8.8.8\n}",
    tree: [".", "  forward . 1.1.1.1"],
  },
  { title: "a comment that holds a brace", text: ". {\nlog # }\nwhoami\n}", tree: [".", "  log", "  whoami"] },
  { title: "a hash in quotes", text: '. {\nlog "#1"\n}', tree: [".", '  log "#1"'] },
  { title: "a quoted word with spaces", text: '. {\nlog . "{type} {name}"\n}', tree: [".", '  log . "{type} {name}"'] },
  {
    title: "a quoted word over two lines",
    text: '. {\nlog "a\nb" c\nwhoami\n}',
    tree: [".", '  log "a\\nb" c', "  whoami"],
  },
  { title: "an escaped quote", text: '. {\nlog "say \\"x\\""\n}', tree: [".", '  log "say \\"x\\""'] },
  {
    title: "a backslash escapes nothing else",
    text: '. {\nlog "\\d\\n \\\\"\n}',
    tree: [".", '  log "\\\\d\\\\n \\\\\\\\"'],
  },
  {
    title: "a quote inside a word is a plain character",
    text: '. {\nlog a"b c"\n}',
    tree: [".", '  log "a\\"b" "c\\""'],
  },
  { title: "a closing quote ends the word", text: '. {\nlog "a"b\n}', tree: [".", "  log a b"] },
  { title: "an empty quoted argument", text: '. {\nlog ""\n}', tree: [".", '  log ""'] },
  {
    title: "single quotes and backticks are plain",
    text: ". {\nlog 'a b' `c`\n}",
    tree: [".", '  log "\'a" "b\'" "`c`"'],
  },
  { title: "a quoted brace is a word", text: '. {\nlog "{" "}"\n}', tree: [".", '  log "{" "}"'] },
  { title: "a byte order mark", text: "\uFEFF. {\nwhoami\n}", tree: [".", "  whoami"] },
  {
    title: "carriage returns",
    text: ". {\r\n  log\r\n  cache {\r\n    success 5\r\n  }\r\n}\r\n",
    tree: [".", "  log", "  cache {", "    success 5", "  }"],
  },
  { title: "a carriage return does not part words", text: ". {\nlog a\rb\n}", tree: [".", "  log ab"] },
  { title: "tabs, form feeds and wide spaces", text: ".\t{\n\tlog\u00a0a\fb\u3000c\n}", tree: [".", "  log a b c"] },
  {
    title: "the environment in zones",
    text: "{$ZONE}:{%PORT%} {\n}",
    env: { ZONE: "a.b", PORT: "53" },
    tree: ["a.b:53"],
  },
  {
    title: "the environment in a directive's name",
    text: ". {\n{$WHAT}\n}",
    env: { WHAT: "whoami" },
    tree: [".", "  whoami"],
  },
  {
    title: "the environment in arguments",
    text: ". {\nlog x{$A}y{%B%}\n}",
    env: { A: "1", B: "2" },
    tree: [".", "  log x1y2"],
  },
  {
    title: "the environment in properties",
    text: ". {\ncache {\nsuccess {$N}\n}\n}",
    env: { N: "7" },
    tree: [".", "  cache {", "    success 7", "  }"],
  },
  { title: "the environment in quotes", text: '. {\nlog "a {$A}"\n}', env: { A: "b" }, tree: [".", '  log "a b"'] },
  { title: "a variable that is not set", text: ". {\nlog a{$NONE}b {%NONE%}\n}", tree: [".", '  log ab ""'] },
  {
    title: "a value with a space stays one word",
    text: ". {\nlog {$A}\n}",
    env: { A: "a b" },
    tree: [".", '  log "a b"'],
  },
  { title: "a value is not expanded again", text: ". {\nlog {$A}\n}", env: { A: "{$A}" }, tree: [".", "  log {$A}"] },
  {
    title: "an empty reference is text",
    text: ". {\nlog {$} {%%} {$A\n}",
    env: { A: "x" },
    tree: [".", "  log {$} {%%} {$A"],
  },
  {
    title: "names of object properties are no variables",
    text: ". {\nlog x{$constructor}y\n}",
    tree: [".", "  log xy"],
  },
  {
    title: "a zone that the environment leaves empty",
    text: "{$NONE} {\nlog\n}\nb {\n}",
    tree: ["b"],
    warnings: ["/etc/Corefile:1:1: server block ignored: none of its zones has a value"],
  },
  { title: "an empty zone beside another", text: '"" a {\n}', tree: ["a"] },
  {
    title: "a snippet",
    text: "(s) {\nlog\nerrors\n}\n. {\nimport s\nwhoami\n}",
    tree: [".", "  log", "  errors", "  whoami"],
  },
  { title: "a snippet that nobody imports", text: "(s) {\nlog\n}\n. {\n}", tree: ["."] },
  {
    title: "a snippet that is imported twice",
    text: "(s) {\nlog\n}\na {\nimport s\nimport s\n}\nb {\nimport s\n}",
    tree: ["a", "  log", "  log", "b", "  log"],
  },
  {
    title: "a snippet with braces inside",
    text: "(s) {\ncache {\nsuccess 5\n}\n}\n. {\nimport s\n}",
    tree: [".", "  cache {", "    success 5", "  }"],
  },
  {
    title: "a snippet of properties",
    text: "(s) {\nsuccess 5\ndenial 6\n}\n. {\ncache {\nimport s\nservfail 7s\n}\n}",
    tree: [".", "  cache {", "    success 5", "    denial 6", "    servfail 7s", "  }"],
  },
  {
    title: "a snippet in a snippet",
    text: "(a) {\nlog\n}\n(b) {\nimport a\nerrors\n}\n. {\nimport b\n}",
    tree: [".", "  log", "  errors"],
  },
  {
    title: "a snippet with an environment reference",
    text: "(s) {\nlog {$A}\n}\n. {\nimport s\n}",
    env: { A: "x" },
    tree: [".", "  log x"],
  },
  { title: "an empty snippet", text: "(s) {\n}\n. {\nimport s\nlog\n}", tree: [".", "  log"] },
  {
    title: "a snippet that is a whole server block",
    text: "(s) {\na {\nlog\n}\n}\nimport s\nb {\n}",
    tree: ["a", "  log", "b"],
  },
  {
    title: "an imported file of directives",
    text: ". {\nimport d.conf\nwhoami\n}",
    files: { "d.conf": "log\nerrors" },
    tree: [".", "  log", "  errors", "  whoami"],
  },
  {
    title: "an imported file of server blocks",
    text: "import b.conf\na {\n}",
    files: { "b.conf": "b {\nlog\n}\nc {\n}\n" },
    tree: ["b", "  log", "c", "a"],
  },
  {
    title: "an import as the last line",
    text: "a {\n}\nimport b.conf",
    files: { "b.conf": "b {\n}" },
    tree: ["a", "b"],
  },
  {
    title: "an imported file that defines snippets",
    text: "import s.conf\n. {\nimport s\n}",
    files: { "s.conf": "(s) {\nlog\n}" },
    tree: [".", "  log"],
  },
  {
    title: "an imported file of zones after a comma",
    text: "a,\nimport z.conf\n{\nlog\n}",
    files: { "z.conf": "b c" },
    tree: ["a b c", "  log"],
  },
  {
    title: "an imported file of properties",
    text: ". {\ncache {\nimport p\n}\nlog\n}",
    files: { p: "success 5" },
    tree: [".", "  cache {", "    success 5", "  }", "  log"],
  },
  {
    title: "an import relative to the importing file",
    text: "import sub/one",
    files: { "sub/one": "a {\nimport two\n}", "sub/two": "log" },
    tree: ["a", "  log"],
  },
  { title: "an import by absolute path", text: "import /etc/sub/one", files: { "sub/one": "a {\n}" }, tree: ["a"] },
  {
    title: "an import path from the environment",
    text: ". {\nimport {$D}/x\n}",
    files: { "sub/x": "log" },
    env: { D: "sub" },
    tree: [".", "  log"],
  },
  {
    title: "a glob in sorted order",
    text: ". {\nimport *.conf\n}",
    files: { "b.conf": "errors", "a.conf": "log", "c.txt": "whoami" },
    tree: [".", "  log", "  errors"],
  },
  {
    title: "one file that two imports name",
    text: ". {\nimport a\nimport b\n}",
    files: { a: "import c", b: "import c", c: "log" },
    tree: [".", "  log", "  log"],
  },
  {
    title: "a glob whose files import each other's neighbours",
    text: ". {\nimport *.conf\n}",
    files: { "a.conf": "import b.conf", "b.conf": "log" },
    tree: [".", "  log", "  log"],
  },
  {
    title: "a glob that matches nothing",
    text: ". {\n  import none/*.conf\n  log\n}",
    tree: [".", "  log"],
    warnings: ["/etc/Corefile:2:10: No files matching import glob pattern: none/*.conf"],
  },
  {
    title: "a snippet shadows a file",
    text: "(x) {\nlog\n}\n. {\nimport x\n}",
    files: { x: "errors" },
    tree: [".", "  log"],
  },
  { title: "import as an argument is a word", text: ". {\nlog import x\n}", tree: [".", "  log import x"] },
  { title: "a zone with the name of a directive", text: "log {\nwhoami\n}", tree: ["log", "  whoami"] },
  {
    title: "an imported file without a final newline",
    text: ". {\nimport a\nwhoami\n}",
    files: { a: "log x" },
    tree: [".", "  log x", "  whoami"],
  },
];

const malformed: readonly Case[] = [
  { title: "an unknown directive", text: ". {\n  bogus 1\n}", error: "/etc/Corefile:2:3: Unknown directive 'bogus'" },
  {
    title: "directives are case sensitive",
    text: ". {\nCache\n}",
    error: "/etc/Corefile:2:1: Unknown directive 'Cache'",
  },
  {
    title: "a directive that CoreDNS has",
    text: ". {\n\tetcd\n}",
    error: "/etc/Corefile:2:2: directive 'etcd' is one of CoreDNS that Nodens does not have yet",
  },
  {
    title: "a directive of an imported file",
    text: ". {\nimport a\n}",
    files: { a: "\n\n  bogus" },
    error: "/etc/a:3:3: Unknown directive 'bogus'",
  },
  {
    title: "a directive in a snippet, where it stands there",
    text: "(s) {\n bogus\n}\n. {\nimport s\n}",
    error: "/etc/Corefile:2:2: Unknown directive 'bogus'",
  },
  {
    title: "an empty directive from the environment",
    text: ". {\n{$NONE} x\n}",
    error: "/etc/Corefile:2:1: Unknown directive ''",
  },
  {
    title: "a brace that is never closed",
    text: ". {\nlog\n",
    error: "/etc/Corefile:1:3: Unexpected EOF: this brace is never closed",
  },
  {
    title: "a directive's brace that is never closed",
    text: ". {\ncache {\nsuccess 5\n",
    error: "/etc/Corefile:2:7: Unexpected EOF: this brace is never closed",
  },
  {
    title: "a block inside a block",
    text: ". {\nlog\nexample.org {\nlog\n}\n}",
    error: "/etc/Corefile:3:1: Unknown directive 'example.org'",
  },
  {
    title: "a brace too many",
    text: ". {\nlog\n}\n}\n",
    error: "/etc/Corefile:4:1: Unexpected '}' because no matching opening brace",
  },
  {
    title: "a closing brace in a block without braces",
    text: ".\nlog\n}",
    error: "/etc/Corefile:3:1: Unexpected '}' because no matching opening brace",
  },
  {
    title: "a closing brace behind a directive",
    text: ". { whoami }",
    error: "/etc/Corefile:1:12: Unexpected '}' because no matching opening brace on its line",
    hint: "Put the '}' of a server block on a line of its own",
  },
  {
    title: "a brace without a zone",
    text: "{\nlog\n}",
    error: "/etc/Corefile:1:1: Unexpected '{': a server block begins with a zone",
  },
  {
    title: "a brace on a line of its own inside a block",
    text: ". {\nerrors\n{\nstacktrace\n}\n}",
    error: "/etc/Corefile:3:1: Unexpected '{': a directive opens its brace on its own line",
  },
  {
    title: "a brace inside a directive's braces",
    text: ". {\ncache {\nsuccess 5 {\n}\n}\n}",
    error: "/etc/Corefile:3:11: Unexpected '{': braces do not nest inside a directive",
  },
  {
    title: "words behind a directive's closing brace",
    text: ". {\ncache {\n} log\n}",
    error: "/etc/Corefile:3:3: Unexpected 'log': nothing may follow a '}' on its line",
  },
  {
    title: "two closing braces on one line",
    text: ". {\ncache {\n} }",
    error: "/etc/Corefile:3:3: Unexpected '}' because no matching opening brace on its line",
  },
  {
    title: "a comma before the brace",
    text: "a, {\n}",
    error: "/etc/Corefile:1:4: Expected another address but had '{' - check for extra comma",
  },
  {
    title: "a comma at the end",
    text: "a,\n",
    error: "/etc/Corefile:1:1: Unexpected EOF: a zone must follow the comma",
  },
  {
    title: "a comma alone",
    text: "a , b {\n}",
    error: "/etc/Corefile:1:3: Unexpected ',': a zone must stand before a comma",
  },
  {
    title: "a directive at top level",
    text: "cache 30\n. {\nwhoami\n}",
    error: "/etc/Corefile:1:1: directive 'cache' must stand inside a server block",
    hint: "If it is a zone, write 'cache.'",
  },
  {
    title: "a directive with properties at top level",
    text: "cache 30 {\n  success 5\n}",
    error: "/etc/Corefile:2:3: Unknown directive 'success'",
    hint: "'cache' is a directive itself: it must stand inside a server block",
  },
  {
    title: "a directive after the block",
    text: ". {\nwhoami\n}\nlog\n",
    error: "/etc/Corefile:4:1: directive 'log' must stand inside a server block",
  },
  {
    title: "a NUL character",
    text: ". {\n  root /a\0b\n}",
    error: "/etc/Corefile:2:8: a NUL character in a word",
    hint: "A Corefile is UTF-8 text",
  },
  {
    title: "a quote that is never closed",
    text: '. {\nlog "a\n}\n',
    error: "/etc/Corefile:2:5: Unexpected EOF: this quote is never closed",
  },
  {
    title: "a quote that an escape swallows",
    text: '. {\nlog "a\\"\n}\n',
    error: "/etc/Corefile:2:5: Unexpected EOF: this quote is never closed",
  },
  {
    title: "an import without argument",
    text: ". {\nimport\n}",
    error: "/etc/Corefile:2:1: Wrong argument count or unexpected line ending after 'import'",
  },
  {
    title: "an import of two files",
    text: ". {\nimport a b\n}",
    error: "/etc/Corefile:2:10: Import takes only one argument (glob pattern or file)",
  },
  {
    title: "an import of nothing",
    text: ". {\nimport {$NONE}\n}",
    error: "/etc/Corefile:2:8: Import requires a non-empty filepath",
  },
  {
    title: "an import of a missing file",
    text: "import missing.conf",
    error: "/etc/Corefile:1:8: File to import not found: missing.conf",
  },
  {
    title: "an import of a snippet that comes later",
    text: ". {\nimport s\n}\n(s) {\n}",
    error: "/etc/Corefile:2:8: File to import not found: s",
  },
  {
    title: "an import that cannot be read",
    text: "import secret",
    files: { secret: "EACCES" },
    error: "/etc/Corefile:1:8: Could not import secret: EACCES: permission denied",
  },
  {
    title: "two stars",
    text: "import */*.conf",
    error: "/etc/Corefile:1:8: Glob pattern may only contain one wildcard (*), but has others: */*.conf",
  },
  {
    title: "a character class",
    text: "import [a-z]",
    error: "/etc/Corefile:1:8: Glob pattern may only contain one wildcard (*), but has others: [a-z]",
  },
  {
    title: "a file that imports itself",
    text: ". {\nimport a\n}",
    files: { a: "log\nimport a" },
    error: "/etc/a:2:8: import loop: /etc/a -> /etc/a",
  },
  {
    title: "the Corefile importing itself",
    text: "import Corefile",
    files: { Corefile: "import Corefile" },
    error: "/etc/Corefile:1:8: import loop: /etc/Corefile -> /etc/Corefile",
  },
  {
    title: "two files that import each other",
    text: "import a",
    files: { a: "import b", b: "import a" },
    error: "/etc/b:1:8: import loop: /etc/a -> /etc/b -> /etc/a",
  },
  {
    title: "a snippet that imports itself",
    text: "(s) {\nimport s\n}\n. {\nimport s\n}",
    error: "/etc/Corefile:2:8: import loop: (s) -> (s)",
  },
  {
    title: "snippets that import each other",
    text: "(a) {\nimport b\n}\n(b) {\nimport a\n}\n. {\nimport a\n}",
    error: "/etc/Corefile:5:8: import loop: (a) -> (b) -> (a)",
  },
  {
    title: "a glob that matches its own file",
    text: "import *.conf",
    files: { "a.conf": "import *.conf" },
    error: "/etc/a.conf:1:8: import loop: /etc/a.conf -> /etc/a.conf",
  },
  {
    title: "a snippet declared twice",
    text: "(s) {\nlog\n}\n(s) {\n}",
    error: "/etc/Corefile:4:1: redeclaration of previously declared snippet s",
  },
  {
    title: "a snippet without braces",
    text: "(s)\nlog",
    error: "/etc/Corefile:1:1: snippet s needs a '{' after its name",
  },
  {
    title: "a snippet that is never closed",
    text: "(s) {\ncache {\n}\n",
    error: "/etc/Corefile:1:5: Unexpected EOF: the brace of snippet s is never closed",
  },
  {
    title: "an error behind a quoted word of three lines",
    text: '. {\nlog "a\nb\nc" {\n}\n x\n}',
    error: "/etc/Corefile:6:2: Unknown directive 'x'",
  },
  {
    title: "an error on the last line of a quoted word",
    text: '. {\nlog "a\n  b" { {\n}',
    error: "/etc/Corefile:3:8: Unexpected '{': braces do not nest inside a directive",
  },
];

function parse(one: Case): { corefile: Corefile; warnings: string[] } {
  const files = new Map(Object.entries(one.files ?? {}).map(([name, text]) => [posix.join("/etc", name), text]));
  const warnings: string[] = [];
  const corefile = parseCorefile(one.text, "/etc/Corefile", {
    env: one.env ?? {},
    readFile: (path) => {
      const text = files.get(path);
      if (text === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
      if (text === "EACCES") throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
      return text;
    },
    glob: (pattern) => [...files.keys()].filter((path) => posix.matchesGlob(path, pattern)).toSorted(),
    warn: (message) => warnings.push(message),
    directiveStatus,
  });
  return { corefile, warnings };
}

function outline(corefile: Corefile): string[] {
  const line = (tokens: readonly Token[]): string => {
    return tokens
      .map(({ text }) => (/^[\w.,:/{}$%-]+$/.test(text) && !/^[{}]$/.test(text) ? text : JSON.stringify(text)))
      .join(" ");
  };
  return corefile.blocks.flatMap((block) => [
    line(block.keys),
    ...block.directives.flatMap(({ name, args, lines }) => {
      const head = `  ${line([name, ...args])}`;
      return lines === undefined ? [head] : [`${head} {`, ...lines.map((words) => `    ${line(words)}`), "  }"];
    }),
  ]);
}

describe("a well-formed Corefile", () => {
  for (const one of wellFormed) {
    it(`reads ${one.title}`, () => {
      const { corefile, warnings } = parse(one);
      assert.deepEqual(outline(corefile), one.tree);
      assert.deepEqual(warnings, one.warnings ?? []);
    });
  }
});

describe("a malformed Corefile", () => {
  for (const one of malformed) {
    it(`is refused at the place of ${one.title}`, () => {
      assert.throws(
        () => parse(one),
        (error) => {
          assert.ok(error instanceof ConfigError, String(error));
          assert.equal(error.message, one.error);
          if (one.hint !== undefined) assert.equal(error.hint, one.hint);
          return true;
        },
      );
    });
  }
});

describe("imports that multiply", () => {
  it("are refused past ten thousand, though none stands in itself", () => {
    const snippets = Array.from({ length: 30 }, (_, i) => {
      return i === 0 ? "(s0) {\nlog\n}" : `(s${i}) {\nimport s${i - 1}\nimport s${i - 1}\n}`;
    });
    assert.throws(() => parse({ title: "", text: `${snippets.join("\n")}\n. {\nimport s29\n}` }), {
      message: /^\/etc\/Corefile:\d+:8: more than 10000 imports: is this a loop\?$/,
    });
  });
});
