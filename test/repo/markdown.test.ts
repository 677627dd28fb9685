/** Pages point at what is there: files, headings, npm scripts. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { ROOT, readText, trackedFiles } from "./source-files.ts";

const pages = trackedFiles().filter((path) => path.endsWith(".md"));
const scripts = Object.keys((JSON.parse(readText("package.json")) as { scripts: object }).scripts);

/** Text without fenced code, whose brackets are not links. */
function prose(path: string): string {
  return readText(path).replaceAll(/^```[\s\S]*?^```/gm, "");
}

/** The anchor that forges make of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

function linksOf(page: string): string[] {
  return [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? "")
    .filter((to) => !/^[a-z]+:/.test(to));
}

describe("pages", () => {
  it("has pages to look at", () => assert.ok(pages.includes("README.md")));

  it("link to files and headings that exist", () => {
    const broken = pages.flatMap((page) =>
      linksOf(page)
        .filter((link) => {
          const [path = "", heading] = link.split("#", 2);
          const target = path === "" ? page : join(dirname(page), path);
          if (!existsSync(join(ROOT, target))) return true;
          if (heading === undefined || !target.endsWith(".md")) return false;
          return ![...prose(target).matchAll(/^#+ (.+)$/gm)].some((match) => anchor(match[1] ?? "") === heading);
        })
        .map((link) => `${page}: ${link}`),
    );
    assert.deepEqual(broken, []);
  });

  it("name npm scripts that exist", () => {
    const unknown = pages.flatMap((page) =>
      [...readText(page).matchAll(/`?npm run (?:-s )?([a-z:-]+)/g)]
        .map((match) => match[1] ?? "")
        .filter((name) => !scripts.includes(name))
        .map((name) => `${page}: npm run ${name}`),
    );
    assert.deepEqual(unknown, []);
  });

  it("name metrics of ours that exist", () => {
    const catalogue = readText("src/server/metrics/catalogue.ts");
    const known = new Set(
      [...catalogue.matchAll(/^ {2}((?:nodens|coredns)_\w+): \{/gm)].map((match) => match[1] ?? ""),
    );
    assert.ok(known.has("nodens_build_info"));
    const unknown = pages.flatMap((page) =>
      [...readText(page).matchAll(/\b(?:nodens|coredns)_[a-z_]+[a-z]\b/g)]
        .map((match) => match[0])
        .filter((name) => !known.has(name.replace(/_(bucket|sum|count)$/, "")))
        .map((name) => `${page}: ${name}`),
    );
    assert.deepEqual(unknown, []);
  });
});
