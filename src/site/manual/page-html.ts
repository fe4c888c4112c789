import { PAGES, PARTS, type PageName, REFERENCES } from "./chapters.ts";
import { escapeHtml, type RenderedPage } from "./markdown.ts";

/** The HTML of the manual's pages. Everything is readable without a script. */

/** The manual's chapters and the references, rendered. */
export type Pages = Record<PageName, RenderedPage>;

const CONTENTS: readonly { title: string; chapters: readonly PageName[] }[] = [
  ...PARTS,
  { title: "Reference", chapters: REFERENCES },
];

/** Returns the address of a page. */
export const pageAddress = (chapter: PageName): string => `/docs/${chapter}`;

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Crect width='24' height='24' rx='6' fill='%230a6c8f'/%3E%3Cpath d='M4 10q4-4 8 0t8 0M4 15q4-4 8 0t8 0' fill='none' stroke='%23fff' stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E";

/** The page of one chapter or reference. */
export function chapterPage(chapter: PageName, pages: Pages, hasDemo: boolean): string {
  const { title, summary, html } = pages[chapter];
  return layout({
    title: `${title} · Tidings manual`,
    description: summary,
    main: `<article>\n${html}</article>\n${neighbours(chapter, pages)}`,
    contents: contents(pages, chapter),
    hasDemo,
  });
}

/** The page at `/docs`: every chapter with its summary. */
export function contentsPage(pages: Pages, hasDemo: boolean): string {
  const lists = CONTENTS.map(({ title, chapters }) => {
    const items = chapters.map((chapter) => {
      const page = pages[chapter];
      return `<li><a href="${pageAddress(chapter)}">${escapeHtml(page.title)}</a> ${escapeHtml(page.summary)}</li>`;
    });
    return `<h2>${title}</h2>\n<ul class="chapters">\n${items.join("\n")}\n</ul>`;
  });
  return layout({
    title: "Tidings manual",
    description: "How to use and run Tidings: real-time order and product updates for browsers.",
    main: `<article>\n<h1>Manual</h1>
<p>Tidings shows customers what happens to their orders and products, live.</p>
${lists.join("\n")}
</article>\n`,
    contents: contents(pages),
    hasDemo,
  });
}

interface Layout {
  title: string;
  description: string;
  main: string;
  contents: string;
  /** Whether the site has the demo, at `/`. */
  hasDemo: boolean;
}

function layout({ title, description, main, contents, hasDemo }: Layout): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<meta name="description" content="${escapeHtml(description)}">
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="/docs/manual.css">
<script src="/docs/manual.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
<a class="brand" href="/docs">Tidings <span class="muted">manual</span></a>
<div class="search" role="search" hidden>
<input type="search" aria-label="Search the manual" placeholder="Search" autocomplete="off">
<div class="results" hidden><p role="status"></p><ul></ul></div>
</div>
<div class="links"><a class="to-contents" href="#contents">Contents</a>${hasDemo ? '<a href="/">Demo</a>' : ""}<a href="/docs/api">API</a><a href="/docs/events">Events</a></div>
<button type="button" class="theme" hidden></button>
</header>
<div class="layout">
<main id="main" tabindex="-1">
${main}</main>
<nav id="contents" aria-label="Manual">
${contents}
</nav>
</div>
</body>
</html>
`;
}

/** Every chapter; under the current one, its sections. */
function contents(pages: Pages, current?: PageName): string {
  return CONTENTS.map(({ title, chapters }) => {
    const items = chapters.map((chapter) => {
      const mark = chapter === current ? ' aria-current="page"' : "";
      const link = `<a href="${pageAddress(chapter)}"${mark}>${escapeHtml(pages[chapter].title)}</a>`;
      return `<li>${link}${chapter === current ? sectionList(pages[chapter]) : ""}</li>`;
    });
    return `<p>${title}</p>\n<ul>\n${items.join("\n")}\n</ul>`;
  }).join("\n");
}

function sectionList({ sections }: RenderedPage): string {
  const items = sections
    .filter(({ level }) => level === 2)
    .map(({ title, anchor }) => `<li><a href="#${anchor}">${escapeHtml(title)}</a></li>`);
  return items.length === 0 ? "" : `\n<ul>\n${items.join("\n")}\n</ul>`;
}

/** Links to the chapters before and after one. */
function neighbours(chapter: PageName, pages: Pages): string {
  const at = PAGES.indexOf(chapter);
  const link = (label: string, other: PageName | undefined) =>
    other === undefined
      ? ""
      : `<a href="${pageAddress(other)}"><span class="muted">${label}</span> ${escapeHtml(pages[other].title)}</a>`;
  return `<nav class="neighbours" aria-label="Previous and next chapters">\n${link("Previous", PAGES[at - 1])}\n${link("Next", PAGES[at + 1])}\n</nav>\n`;
}
