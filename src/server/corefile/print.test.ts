import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../base/errors.ts";
import { parseText } from "../../../test/support/setup-context.ts";
import { parseCorefile } from "./parse.ts";
import { printCorefile } from "./print.ts";
import type { Corefile, Directive, ServerBlock, Token } from "./tree.ts";

function token(text: string): Token {
  return { text, position: { file: "generated", line: 1, column: 1 }, quoted: false };
}

/** Words with every character that means something somewhere, and often the ones that are keywords. */
const word: fc.Arbitrary<Token> = fc
  .oneof(
    { weight: 4, arbitrary: fc.stringMatching(/^[a-z0-9.:/-]{1,8}$/) },
    fc.string({ unit: fc.constantFrom(...'ab \t\n\r#"\\{}(),$%\uFEFF\u00a0é'), maxLength: 8 }),
    fc.constantFrom("", "{", "}", "import", "(x)", "a,", "#", '"', "{}", "\\", "\uFEFF"),
  )
  .map(token);

const line: fc.Arbitrary<Token[]> = fc.array(word, { minLength: 1, maxLength: 3 });
const directive: fc.Arbitrary<Directive> = fc.record({
  name: word,
  args: fc.array(word, { maxLength: 3 }),
  lines: fc.option(fc.array(line, { maxLength: 3 }), { nil: undefined }),
});
const key = word.filter(({ text }) => text !== "");
const block: fc.Arbitrary<ServerBlock> = fc.record({
  keys: fc.array(key, { minLength: 1, maxLength: 3 }),
  directives: fc.array(directive, { maxLength: 3 }),
});

function words(corefile: Pick<Corefile, "blocks">): unknown {
  const texts = (tokens: readonly Token[]): string[] => tokens.map(({ text }) => text);
  return corefile.blocks.map(({ keys, directives }) => ({
    keys: texts(keys),
    directives: directives.map(({ name, args, lines }) => [name.text, texts(args), lines?.map(texts)]),
  }));
}

/** Not every word can be written: see `printCorefile`. */
function printOrSkip(corefile: Pick<Corefile, "blocks">): string {
  try {
    return printCorefile(corefile);
  } catch (error) {
    fc.pre(!(error instanceof ConfigError));
    throw error;
  }
}

describe("printCorefile", () => {
  it("writes what parses to the same words", () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 3 }), (blocks) => {
        assert.deepEqual(words(parseText(printOrSkip({ blocks }))), words({ blocks }));
      }),
      { numRuns: 500 },
    );
  });

  it("can write whatever was read, and reads it back to the same hash", () => {
    const pieces = fc.constantFrom(
      "a",
      ".",
      "log",
      " ",
      "\n",
      " {\n",
      "\n}\n",
      '"',
      "\\",
      "#",
      "\r",
      ",",
      "(s)",
      "\nimport s\n",
      "{$X}",
      "\uFEFF",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 25 }), (parts) => {
        const options = { env: { X: "e" }, readFile: () => "log\n", glob: () => [], warn: () => {} };
        let corefile: Corefile;
        try {
          corefile = parseCorefile(parts.join(""), "Corefile", options);
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
          return;
        }
        assert.equal(parseCorefile(printCorefile(corefile), "printed", options).hash, corefile.hash);
      }),
      { numRuns: 2000 },
    );
  });

  it("writes one word a time, braces indented", () => {
    const text = 'a b, c {\n log "x y" # z\ncache 30 {\nsuccess 5\n}\n}\nd\n{\n}';
    const printed = 'a b c {\n    log "x y"\n    cache 30 {\n        success 5\n    }\n}\n\nd {\n}\n';
    assert.equal(printCorefile(parseText(text)), printed);
  });

  it("refuses words that the grammar cannot write", () => {
    for (const text of ["{$HOME}", "{%HOME%}", "a b\\", '# \\"']) {
      const blocks = [{ keys: [token("."), token(text)], directives: [] }];
      assert.throws(() => printCorefile({ blocks }), ConfigError, text);
    }
  });
});

describe("the hash of a Corefile", () => {
  it("does not see comments, white space, quotes and how directives were imported", () => {
    const plain = parseText(". {\nlog x\n}").hash;
    assert.equal(plain.length, 128);
    assert.equal(parseText('(s) {\n  log "x" # y\n}\n. { # z\n\n import s\n}').hash, plain);
  });

  it("sees every word and where it stands", () => {
    const texts = [
      ". {\nlog x\n}",
      ". {\nlog\nx\n}",
      ". x {\nlog\n}",
      ". {\nlog {\nx\n}\n}",
      ". {\nlog x {\n}\n}",
      ". {\n}\nx {\n}",
    ];
    assert.equal(new Set(texts.map((text) => parseText(text).hash)).size, texts.length);
  });
});
