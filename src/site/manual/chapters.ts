import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The manual's chapters, which are Markdown files in this folder, in reading order. */
export const PARTS = [
  { title: "Start", chapters: ["quick-start", "example", "tokens", "migrate"] },
  { title: "Listen", chapters: ["sdk", "connect", "protocol"] },
  { title: "Publish", chapters: ["publish", "redis"] },
  { title: "Run", chapters: ["deploy", "settings", "operate", "command-line", "security", "cost"] },
  { title: "Change", chapters: ["how-it-works", "changelog", "contributing"] },
] as const;

export type Chapter = (typeof PARTS)[number]["chapters"][number];

/** Pages in the manual's look that `src/site/reference` makes from the definitions in `src/edge/documents`. */
export const REFERENCES = ["api", "events"] as const;

export type PageName = Chapter | (typeof REFERENCES)[number];

export const CHAPTERS: readonly Chapter[] = PARTS.flatMap(({ chapters }) => chapters);
export const PAGES: readonly PageName[] = [...CHAPTERS, ...REFERENCES];

/** Returns the path of a chapter's Markdown file. */
export const fileOf = (chapter: Chapter): string => join(import.meta.dirname, `${chapter}.md`);

/** Returns a chapter's Markdown. */
export const chapterText = (chapter: Chapter): string => readFileSync(fileOf(chapter), "utf8");

/** Returns the anchor that GitHub gives a heading; the manual's pages use the same. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
