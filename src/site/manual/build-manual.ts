import { readFileSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { build } from "esbuild";
import { apiPage } from "../reference/api.ts";
import { eventsPage } from "../reference/events.ts";
import { CHAPTERS, chapterText, PAGES, type PageName } from "./chapters.ts";
import { renderMarkdown } from "./markdown.ts";
import type { IndexedSection } from "./page/ranking.ts";
import { chapterPage, contentsPage, type Pages, pageAddress } from "./page-html.ts";

const MANUAL = import.meta.dirname;
const REPOSITORY = join(MANUAL, "../../..");
/** Relative to this folder; the site has them beside the chapters. */
const PICTURE = /\.(svg|png|webp)$/;
/** Pages and documents of the service, which chapters name by their path. */
const SERVED = /^\/(docs(\/[\w-]+)?|openapi\.json|asyncapi\.json)(#.*)?$/;

/**
 * Builds the manual: `docs.html` and `docs/`, which Cloudflare serves at `/docs` and `/docs/<chapter>`.
 * @param hasDemo Whether the pages link to the demo.
 */
export async function buildManual(site: string, { hasDemo }: { hasDemo: boolean }): Promise<void> {
  const folder = join(site, "docs");
  await mkdir(folder, { recursive: true });
  const pictures = new Set<string>();
  const toAddress = (target: string) => {
    if (PICTURE.test(target)) pictures.add(target);
    return addressOnSite(target);
  };
  // `fromEntries` widens the keys.
  const pages = Object.fromEntries(PAGES.map((page) => [page, renderMarkdown(markdownOf(page), toAddress)])) as Pages;
  await writeFile(join(site, "docs.html"), contentsPage(pages, hasDemo));
  for (const page of PAGES) await writeFile(join(folder, `${page}.html`), chapterPage(page, pages, hasDemo));
  await writeFile(join(folder, "search.json"), JSON.stringify(searchIndex(pages)));
  for (const picture of pictures) await cp(join(MANUAL, picture), join(folder, posix.basename(picture)));
  await build({
    entryPoints: [join(MANUAL, "page/manual.ts"), join(MANUAL, "page/manual.css")],
    outdir: folder,
    bundle: true,
    minify: true,
    target: "es2024",
    format: "iife",
    logLevel: "warning",
  });
}

function markdownOf(page: PageName): string {
  if (page === "api") return apiPage();
  if (page === "events") return eventsPage();
  return chapterText(page) + (page === "changelog" ? changes() : "");
}

/** CHANGELOG.md below the version policy: its headings one level deeper, its links relative to the chapters. */
function changes(): string {
  const changelog = readFileSync(join(REPOSITORY, "CHANGELOG.md"), "utf8");
  return `\n${changelog.replaceAll(/^#/gm, "##").replaceAll("](src/site/manual/", "](")}`;
}

/**
 * Returns the address that a link of a chapter has on the site; null for a file of the repository, and for a path that
 * the service does not have.
 */
export function addressOnSite(target: string): string | null {
  if (/^(https?:|mailto:|#)/.test(target)) return target;
  if (target.startsWith("/")) return SERVED.test(target) ? target : null;
  const [path = "", anchor] = target.split("#");
  const chapter = CHAPTERS.find((one) => path === `${one}.md`);
  if (chapter !== undefined) return pageAddress(chapter) + (anchor === undefined ? "" : `#${anchor}`);
  return PICTURE.test(path) ? `/docs/${posix.basename(path)}` : null;
}

/** Returns every section, for the search. */
function searchIndex(pages: Pages): IndexedSection[] {
  return PAGES.flatMap((page) => {
    const { title: chapterTitle, sections } = pages[page];
    return sections.map(({ level, title, anchor, text }) => ({
      address: pageAddress(page) + (level === 1 ? "" : `#${anchor}`),
      chapter: chapterTitle,
      title,
      text: text.replaceAll(/\s+/g, " "),
    }));
  });
}
