import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The manual's chapters, which are Markdown files in this folder, in reading order. */
export const CHAPTERS = [
  "quick-start",
  "tokens",
  "connect",
  "sdk",
  "publish",
  "redis",
  "migrate",
  "protocol",
  "settings",
  "deploy",
  "operate",
  "command-line",
  "security",
  "cost",
  "how-it-works",
  "changelog",
  "contributing",
] as const;

export type Chapter = (typeof CHAPTERS)[number];

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
