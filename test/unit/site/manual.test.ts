import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addressOnSite, buildManual } from "../../../src/site/manual/build-manual.ts";
import { PAGES, REFERENCES } from "../../../src/site/manual/chapters.ts";
import { renderMarkdown } from "../../../src/site/manual/markdown.ts";
import { type IndexedSection, search } from "../../../src/site/manual/page/ranking.ts";

/** The manual's pages, as the build writes them. */

const site = mkdtempSync(join(tmpdir(), "tidings-manual-"));
const read = (path: string) => readFileSync(join(site, path), "utf8");
beforeAll(() => buildManual(site, { hasDemo: true }));
afterAll(() => rmSync(site, { recursive: true, force: true }));

const FILES = ["docs.html", ...PAGES.map((page) => `docs/${page}.html`)];
/** Paths that are not the manual's: documents of the service, and the demo. */
const OTHER_PATHS = ["/openapi.json", "/asyncapi.json", "/"];
const addressesIn = (html: string) =>
  [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => String(address));

const ids = (html: string) => [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);

describe.each(FILES)("%s", (page) => {
  test("gives each section an address of its own", () => {
    const all = ids(read(page));
    expect(all.filter((id, i) => all.indexOf(id) !== i)).toEqual([]);
  });

  test("links only to pages, sections and files that exist", () => {
    const dead = addressesIn(read(page)).filter((address) => {
      if (/^(https?:|data:)/.test(address) || OTHER_PATHS.includes(address)) return false;
      const [path = "", anchor] = address.split("#");
      const file =
        path === "" ? page : [path, `${path}.html`].find((one) => /\.\w+$/.test(one) && existsSync(join(site, one)));
      if (file === undefined) return true;
      return anchor !== undefined && !ids(read(file)).includes(anchor);
    });
    expect(dead).toEqual([]);
  });

  test("has no inline script or style, and loads nothing from elsewhere", () => {
    const html = read(page);
    expect([...html.matchAll(/<script[^>]*>([^<]*)/g)].map(([, script]) => script)).toEqual([""]);
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/);
    expect([...html.matchAll(/\ssrc="([^"]*)"/g)].filter(([, source]) => !source?.startsWith("/docs/"))).toEqual([]);
  });
});

test("a reader of a reference transfers at most 20 KB, compressed", () => {
  const sizeOf = (path: string) => gzipSync(read(path)).length;
  const shared = sizeOf("docs/manual.css") + sizeOf("docs/manual.js");
  for (const page of REFERENCES) expect(sizeOf(`docs/${page}.html`) + shared).toBeLessThan(20 * 1024);
});

test("the changelog's page ends with the changes", () => {
  expect(read("docs/changelog.html")).toMatch(/<h2 id="changelog">[\s\S]*<h3 id="010">/);
});

describe("rendering", () => {
  const render = (markdown: string) => renderMarkdown(markdown, (target) => addressOnSite(target)).html;

  test("escapes text and code", () => {
    expect(render('# A\n\n`<id>` & <https://a.example/?b=1&c="2>')).not.toMatch(/<id>|"2/);
    expect(render("# A\n\n```ts\nconst a = `<b>`;\n```")).toContain("&lt;b&gt;");
  });

  test("refuses HTML and pages without a title", () => {
    expect(() => render("# A\n\n<b>bold</b>")).toThrow("uses no HTML");
    expect(() => render("## A")).toThrow("begins with its title");
  });

  test("leads to the site's own pages, but not to source files", () => {
    expect(addressOnSite("tokens.md#guest-tickets")).toBe("/docs/tokens#guest-tickets");
    expect(addressOnSite("../../protocol/limits.ts")).toBeNull();
    expect(render("# A\n\n`/docs/api`, not `/metrics`")).toContain(
      '<a href="/docs/api"><code>/docs/api</code></a>, not <code>/metrics</code>',
    );
    expect(render("# A\n\n[the limits](../../protocol/limits.ts)")).toContain("<p>the limits</p>");
  });
});

describe("the search", () => {
  const entries: IndexedSection[] = [
    { address: "/docs/a", chapter: "A", title: "Limits", text: "how many sockets" },
    { address: "/docs/b", chapter: "B", title: "Sockets", text: "limits of sockets" },
  ];
  const addresses = (query: string) => search(entries, query).map(({ address }) => address);

  test("finds sections that have every word, those with the word in their title first", () => {
    expect(addresses("sockets")).toEqual(["/docs/b", "/docs/a"]);
    expect(addresses("LIM sock")).toHaveLength(2);
    expect(addresses("limits nothing")).toEqual([]);
  });

  test("knows every page", () => {
    const index: IndexedSection[] = JSON.parse(read("docs/search.json"));
    for (const page of PAGES) expect(index.some(({ address }) => address === `/docs/${page}`)).toBe(true);
    expect(search(index, "close codes")[0]?.address).toBe("/docs/protocol#close-codes");
  });
});
