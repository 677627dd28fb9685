import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Metadata } from "../metadata.ts";
import { testQuery } from "../../../../test/support/setup-context.ts";
import { compileCondition, compileExpression, isReserved } from "./expression.ts";
import { ExpressionFailure, type Value } from "./functions.ts";
import { ExpressionError } from "./words.ts";

const query = testQuery("Abc.X.Example.com.", "AAAA", {
  client: "192.168.7.9",
  clientPort: 4053,
  id: 99,
  udpSize: 1400,
});
query.metadata = new Metadata();
query.metadata.set("view/name", "v");
const sixth = testQuery("test.", "A", { client: "2001:db8::17", transport: "tcp", dnssecOk: true });
const holds = (text: string, of = query): boolean => compileCondition(text)(of);

describe("an expression", () => {
  for (const text of [
    "true",
    "name() == 'abc.x.example.com.'",
    "name() != 'other.'",
    "type() == 'AAAA' && class() == 'IN'",
    "type() in ['A', 'AAAA']",
    "type() in ['A', 'AAAA',]",
    "type() not in ['A']",
    "not (type() in ['A'])",
    "!(type() == 'A') and proto() == \"udp\"",
    "client_ip() == '192.168.7.9' and port() == '4053'",
    "server_ip() == '127.0.0.1' && server_port() == `5300`",
    "id() == 99 && opcode() == 0 && size() == 46 && bufsize() == 1400",
    "do() == false",
    "!do()",
    "id() >= 99 and id() <= 99 and id() > 98 and id() < 0x64",
    "id() + 1 == 100 && id() - 100 == -1",
    "name() startsWith 'abc.' && name() endsWith '.com.' && name() contains '.x.'",
    "name() not contains 'y'",
    "name() matches '^abc\\\\..*\\\\.example\\\\.com\\\\.$'",
    "name() matches `^abc\\..*\\.example\\.com\\.$`",
    "name() not matches '^x'",
    "incidr(client_ip(), '192.168.0.0/16')",
    "!incidr(client_ip(), '127.0.0.0/24')",
    "incidr('::ffff:10.1.2.3', '10.0.0.0/8')",
    "incidr('10.1.2.3', '::ffff:10.0.0.0/104')",
    "incidr('10.1.2.3', '0.0.0.0/0') && !incidr('::1', '0.0.0.0/0')",
    "incidr('10.255.255.255', '10.0.0.0/9') == false",
    "incidr('not an address', '1.2.3.0/24') == false",
    "metadata('view/name') == 'v' && metadata('none/such') == ''",
    "(type() == 'A' && name() == 'example.com.') || client_ip() == '192.168.7.9'",
    "false || true && true",
    "true || false && false",
    "do() ? false : true",
    "'\\x41\\u0042\\'\\n' == \"AB'\\n\"",
    "upper('a') + lower('B') == 'Ab' and len('äb') == 2 and trim(' a ') == 'a'",
    "'a' not in []",
    "len(['a', 'b']) == 2 && split('a.b.c', '.')[1] == 'b' && split('a.b', '.')[-1] == 'b'",
    "join(split('10-0-0-7', '-'), '.') == replace('10-0-0-7', '-', '.')",
    "replace('a', 'a', '$&') == '$&'",
    "trimPrefix('ip-7', 'ip-') + trimSuffix('a.b', '.b') + trimSuffix('a', '') == '7aa'",
    "hasPrefix('abc', 'ab') && hasSuffix('abc', 'bc') && !hasPrefix('abc', 'b')",
    "int('-42') + int(2) == -40 && string(7) + string(true) == '7true'",
    "2 + 3 * 4 == 14 && (2 + 3) * 4 == 20 && 7 % 4 == 3",
    "any([1, 2, 3], # > 2) && all([1, 2], {# > 0}) && none([1], # > 1) && one([1, 2], # == 2)",
    "count([1, 2, 3], # % 2 == 1) == 2 && filter([1, 2, 3], # > 1)[0] == 2",
    "join(map(['a', 'b'], upper(#)), '') == 'AB'",
    "any(['10.0.0.0/8', '192.168.0.0/16'], incidr(client_ip(), #))",
    "any([1, 2], any([2, 3], # == 3) and # == 2)",
  ]) {
    it(`holds: ${text}`, () => assert.equal(holds(text), true));
  }

  it("knows IPv6, TCP and DO", () => {
    assert.equal(
      holds("incidr(client_ip(), '2001:0DB8::/32') && proto() == 'tcp' && do() && bufsize() == 65535", sixth),
      true,
    );
    assert.equal(holds("incidr(client_ip(), '2001:db9::/32')", sixth), false);
    assert.equal(holds("client_ip() == '2001:db8::17'", sixth), true);
    assert.equal(holds("metadata('view/name') == ''", sixth), true);
  });

  for (const [text, at, message] of [
    ["", 0, /unexpected 'the end'/],
    ["1", 0, /of type int, not a condition/],
    ["name()", 0, /of type string/],
    ["name() == 1", 7, /'==' takes a string, not a int|'==' takes a int/],
    ["port() == 53", 7, /'=='/],
    ["nonsense() == 'x'", 0, /unknown name nonsense/],
    ["name == 'x'", 5, /expected '\(' before '=='/],
    ["name('x') == 'x'", 0, /name takes 0 arguments and is given 1/],
    ["incidr(client_ip())", 0, /incidr takes 2 arguments and is given 1/],
    ["incidr(client_ip(), '10.0.0.0/33')", 0, /invalid CIDR address: 10.0.0.0\/33/],
    ["name() == 'x", 10, /never closed/],
    ["name() == 'x\\q'", 12, /unknown escape '\\q'/],
    ["name() matches '('", 7, /missing closing \)/],
    ["name() matches name()", 7, /must be a string/],
    ["type() in ['A', 1] and type() in [1]", 30, /looks for a string among ints/],
    ["type() in 'A'", 7, /'in' takes a list/],
    ["[1] == [1]", 4, /lists cannot be compared/],
    ["not name() == 'x'", 0, /'not' takes a bool/],
    ["do() and 'x'", 5, /'and' takes a bool/],
    ["do() not", 5, /after 'not'/],
    ["(do()", 5, /expected '\)'/],
    ["do() do()", 5, /unexpected 'do'/],
    ["do() ? 1", 8, /expected ':'/],
    ["a ~ b", 2, /unexpected '~'/],
    ["# == 1", 0, /# stands in a predicate only/],
    ["any([], true)", 0, /of no one type/],
    ["any([1], 1)", 0, /'any' takes a bool/],
    ["any([1] true)", 8, /expected ','/],
    ["any([1], {true)", 14, /expected '}'/],
    ["['a', 1][0] == 1", 8, /of no one type/],
    ["name()[0] == 'a'", 6, /'\[' takes a list/],
    ["len(1) == 1", 0, /'len' takes a string or list, not a int/],
    ["'a' * 2 == 2", 4, /'\*' takes a int/],
    ["group('a') == ''", 0, /unknown name group/],
    [`${"(".repeat(200)}true${")".repeat(200)}`, 50, /too deep/],
    [`${"!".repeat(200)}true`, 99, /too deep/],
  ] as const) {
    it(`is refused: ${text.slice(0, 40)}`, () => {
      assert.throws(
        () => compileCondition(text),
        (error) => error instanceof ExpressionError && message.test(error.message) && error.at === at,
      );
    });
  }

  for (const text of ["int('x') == 1", "1 % (id() - id()) == 0", "[1][1] == 1", "split('a', '.')[-2] == 'a'"]) {
    it(`is false where it cannot be evaluated: ${text}`, () => assert.equal(holds(text), false));
  }

  it("of any text is a condition or an error with its place", () => {
    const word = fc.constantFrom(
      ..."name() type() do() incidr( any( map( # { } * ) ( [ ] , 'a' '10.0.0.0/8' 1 == != in not and or ! ? : + - matches < true".split(
        " ",
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(word, { maxLength: 12 }).map((words) => words.join(" ")),
          fc.string(),
        ),
        (text) => {
          try {
            assert.equal(typeof holds(text), "boolean");
          } catch (error) {
            assert.ok(error instanceof ExpressionError && error.at >= 0 && error.at <= text.length, String(error));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("an expression in a scope", () => {
  const evaluate = (text: string): Value =>
    compileExpression(text, {
      variables: [
        { name: "n", type: "int" },
        { name: "parts", type: "list", of: "string" },
      ],
      groups: true,
    }).run({ query, group: (key) => `<${key}>`, variables: [41, ["a", "b"]], elements: [] });

  it("knows variables and groups", () => {
    assert.equal(evaluate("n + 1"), 42);
    assert.equal(evaluate("parts[1] + group('x') + group(2)"), "b<x><2>");
    assert.deepEqual(evaluate("map(parts, # + #)"), ["aa", "bb"]);
    assert.throws(() => evaluate("int(group(1))"), ExpressionFailure);
    assert.throws(() => evaluate("n + 'a'"), ExpressionError);
    assert.throws(() => evaluate("group(true)"), ExpressionError);
    assert.throws(() => evaluate("m"), ExpressionError);
  });

  it("leaves the names of the language to the language", () => {
    for (const name of ["true", "let", "in", "group", "any", "name", "len", "abs"]) assert.ok(isReserved(name), name);
    for (const name of ["a", "ip", "Name"]) assert.ok(!isReserved(name), name);
  });
});
