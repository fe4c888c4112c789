import { readFileSync } from "node:fs";
import { join } from "node:path";
import { anchorOf, CHAPTERS, fileOf } from "../../src/site/manual/chapters.ts";

/** README.md, CHANGELOG.md and the manual's chapters, for the tests and generators that read them. */

export const ROOT = join(import.meta.dirname, "../..");

/** Every document's path. */
export const DOCUMENTS = [join(ROOT, "README.md"), ...CHAPTERS.map(fileOf)];

/** Returns a document's text. */
export const read = (path: string): string => readFileSync(path, "utf8");

/** Returns every document's text, joined. */
export const allText = (): string => DOCUMENTS.map(read).join("\n");

/** Returns Markdown without its fenced code blocks, whose text is neither heading nor link. */
export const withoutCode = (markdown: string): string => markdown.replaceAll(/^```[\s\S]*?^```$/gm, "");

export interface Heading {
  level: number;
  title: string;
  /** As GitHub and the manual's pages name it. */
  anchor: string;
}

/** Returns a document's headings, in order. */
export const headingsOf = (markdown: string): Heading[] =>
  [...withoutCode(markdown).matchAll(/^(#+) (.+)$/gm)].map(([, marks = "", title = ""]) => ({
    level: marks.length,
    title,
    anchor: anchorOf(title),
  }));

/** Returns the targets of a document's links. */
export const linksOf = (markdown: string): string[] =>
  [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
