import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { build } from "esbuild";
import { CHAPTERS, type Chapter, chapterText } from "./chapters.ts";
import { type RenderedPage, renderMarkdown } from "./markdown.ts";
import { chapterPage, contentsPage, type Pages, pageAddress, type SiteParts } from "./page-html.ts";

const MANUAL = import.meta.dirname;
/** The folder's path in the repository, from which chapters link to other files. */
const FOLDER = "src/site/manual";
const REPOSITORY = join(MANUAL, "../../..");
/** Relative to this folder; the site has them beside the chapters. */
const PICTURE = /\.(svg|png|webp)$/;

/** Builds the manual: `docs.html` and `docs/`, which Cloudflare serves at `/docs` and `/docs/<chapter>`. */
export async function buildManual(site: string, parts: SiteParts): Promise<void> {
  const folder = join(site, "docs");
  await mkdir(folder, { recursive: true });
  const { pages, pictures } = await renderChapters();
  await writeFile(join(site, "docs.html"), contentsPage(pages, parts));
  for (const chapter of CHAPTERS) {
    await writeFile(join(folder, `${chapter}.html`), chapterPage(chapter, pages, parts));
  }
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

/** Renders every chapter, and collects the pictures that they show, as paths from this folder. */
async function renderChapters(): Promise<{ pages: Pages; pictures: Set<string> }> {
  const pictures = new Set<string>();
  const { repository } = JSON.parse(await readFile(join(REPOSITORY, "package.json"), "utf8"));
  const toAddress = (target: string) => {
    if (PICTURE.test(target)) pictures.add(target);
    return addressOnSite(target, repository);
  };
  const render = async (chapter: Chapter): Promise<[Chapter, RenderedPage]> => [
    chapter,
    renderMarkdown(chapterText(chapter) + (chapter === "changelog" ? await changes() : ""), toAddress),
  ];
  // `fromEntries` widens the keys; `render` returns a page for each chapter.
  const pages = Object.fromEntries(await Promise.all(CHAPTERS.map(render))) as Pages;
  return { pages, pictures };
}

/** CHANGELOG.md below the version policy, its headings one level deeper. */
async function changes(): Promise<string> {
  const changelog = await readFile(join(REPOSITORY, "CHANGELOG.md"), "utf8");
  return `\n${changelog.replaceAll(/^#/gm, "##")}`;
}

/**
 * Returns the address that a link of a chapter has on the site.
 * @param repository Where the source can be browsed, such as `https://git.example/shop/tidings/blob/main`.
 * @returns null for a file of the repository, unless its address is known.
 */
export function addressOnSite(target: string, repository?: string): string | null {
  if (/^(https?:|mailto:|#)/.test(target)) return target;
  const [path = "", anchor] = target.split("#");
  const chapter = CHAPTERS.find((one) => path === `${one}.md`);
  if (chapter !== undefined) return pageAddress(chapter) + (anchor === undefined ? "" : `#${anchor}`);
  if (PICTURE.test(path)) return `/docs/${posix.basename(path)}`;
  return repository === undefined ? null : `${repository}/${posix.join(FOLDER, path)}`;
}

/** Every section, for the search: its address, its chapter's title, its own, and its text. */
function searchIndex(pages: Pages): { address: string; chapter: string; title: string; text: string }[] {
  return CHAPTERS.flatMap((chapter) => {
    const { title: chapterTitle, sections } = pages[chapter];
    return sections.map(({ level, title, anchor, text }) => ({
      address: pageAddress(chapter) + (level === 1 ? "" : `#${anchor}`),
      chapter: chapterTitle,
      title,
      text: text.replaceAll(/\s+/g, " "),
    }));
  });
}
