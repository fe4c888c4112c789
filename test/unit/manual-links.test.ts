import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { anchorOf, CHAPTERS, fileOf } from "../../src/site/manual/chapters.ts";
import { allText, DOCUMENTS, headingsOf, linksOf, ROOT, read } from "../support/documents.ts";

/** Returns the links of a document that lead nowhere: to a missing file, or to a heading that its file does not have. */
function deadLinks(path: string, markdown: string): string[] {
  return linksOf(markdown).filter((link) => {
    if (/^(https?:|mailto:)/.test(link)) return false;
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : join(dirname(path), file);
    if (!existsSync(target)) return true;
    if (anchor === undefined) return false;
    return !headingsOf(file === "" ? markdown : read(target)).some((heading) => heading.anchor === anchor);
  });
}

describe.each(DOCUMENTS.map((path) => relative(ROOT, path)))("%s", (name) => {
  const path = join(ROOT, name);

  test("links only to files and headings that exist", () => expect(deadLinks(path, read(path))).toEqual([]));

  test("has one title, no skipped level, and no anchor twice", () => {
    const headings = headingsOf(read(path));
    expect(headings.filter(({ level }) => level === 1)).toHaveLength(1);
    for (const [i, { level, title }] of headings.entries()) {
      expect(level, title).toBeLessThanOrEqual((headings[i - 1]?.level ?? 0) + 1);
    }
    const anchors = headings.map(({ anchor }) => anchor);
    expect(anchors).toEqual([...new Set(anchors)]);
  });
});

test("a link to a missing file, heading or chapter is found", () => {
  const seeded = "# A\n[a](none.md) [b](#none) [c](tokens.md#none) [d](#a) [e](tokens.md) [f](https://none.example)";
  expect(deadLinks(fileOf("publish"), seeded)).toEqual(["none.md", "#none", "tokens.md#none"]);
});

test("README.md has at most 200 lines and links to every chapter", () => {
  const readme = read(join(ROOT, "README.md"));
  expect(readme.split("\n").length).toBeLessThanOrEqual(200);
  for (const chapter of CHAPTERS) expect(linksOf(readme)).toContain(`src/site/manual/${chapter}.md`);
});

test("README and manual name only npm scripts that exist", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const named = [...allText().matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => String(name));
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test("anchors are those of GitHub", () => {
  expect(["React and Vue", "The subprotocol `tidings.v1`", "FastAPI: a complete backend"].map(anchorOf)).toEqual([
    "react-and-vue",
    "the-subprotocol-tidingsv1",
    "fastapi-a-complete-backend",
  ]);
});
