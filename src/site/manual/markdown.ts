import hljs from "highlight.js";
import { Marked, type MarkedExtension, type Token, type Tokens } from "marked";
import { anchorOf } from "./chapters.ts";

/** Renders Markdown at build, so a page needs no script to be read. */

/** The text between a heading and the next one. */
export interface Section {
  /** 1 for the page's title. */
  level: number;
  title: string;
  anchor: string;
  /** Without markup, for the search. */
  text: string;
}

/**
 * Headings at this level and below repeat within a page (each call has a "Parameters" heading), so they get no anchor.
 */
const REPEATED_DEPTH = 4;

export interface RenderedPage {
  html: string;
  title: string;
  /** The first paragraph, without markup. */
  summary: string;
  sections: Section[];
}

/**
 * Renders a page.
 * @param toAddress Returns the address that a link or picture has on the site; null makes the link plain text.
 * @throws if the page has no title, or any HTML but comments and `<br>`.
 */
export function renderMarkdown(markdown: string, toAddress: (target: string) => string | null): RenderedPage {
  const marked = new Marked({ renderer: rendererWith(toAddress) });
  const tokens = marked.lexer(markdown);
  const sections: Section[] = [];
  for (const token of tokens) {
    if (token.type === "heading" && token.depth < REPEATED_DEPTH) {
      const title = plainText(token.tokens ?? []);
      sections.push({ level: token.depth, title, anchor: anchorOf(title), text: "" });
    } else {
      const section = sections.at(-1);
      if (section !== undefined) section.text = `${section.text} ${plainText([token])}`.trim();
    }
  }
  const [first] = sections;
  if (first?.level !== 1) throw new Error("A page of the manual begins with its title");
  const paragraph = tokens.find(({ type }) => type === "paragraph");
  const summary = paragraph === undefined ? "" : plainText([paragraph]).replaceAll("\n", " ");
  return { html: marked.parser(tokens), title: first.title, summary, sections };
}

/** A name, such as of a setting or in a frame, which is not broken over two lines. */
const NAME = /^"?\w[\w.]{0,31}"?$/;
/** A longer cell is a sentence. */
const MAX_VALUE_LENGTH = 40;

/** Whether a table has four columns, or sentences in one of three: phones show each of its rows as a paragraph. */
const isWide = (rows: Tokens.TableCell[][]): boolean =>
  rows.some(
    ([, ...cells]) =>
      cells.length > 2 || (cells.length > 1 && cells.some(({ tokens }) => plainText(tokens).length > MAX_VALUE_LENGTH)),
  );

function rendererWith(toAddress: (target: string) => string | null): NonNullable<MarkedExtension["renderer"]> {
  return {
    heading({ depth, tokens }) {
      const inner = this.parser.parseInline(tokens);
      if (depth === 1) return `<h1>${inner}</h1>\n`;
      if (depth >= REPEATED_DEPTH) return `<h${depth}>${inner}</h${depth}>\n`;
      const title = plainText(tokens);
      const anchor = anchorOf(title);
      const label = `Link to “${escapeHtml(title)}”`;
      // A no-break space: the sign never stands alone on a second line.
      return `<h${depth} id="${anchor}">${inner}&nbsp;<a class="anchor" href="#${anchor}" aria-label="${label}">#</a></h${depth}>\n`;
    },
    // Wide blocks scroll by themselves, and `tabindex` lets the keyboard scroll them; on phones, commands and JSON wrap.
    code({ text, lang = "" }) {
      const wraps = /^(sh|json)$/.test(lang) ? ' class="wraps"' : "";
      const inner = hljs.highlight(text, { language: lang || "plaintext" }).value;
      return `<div class="code"><pre${wraps} tabindex="0"><code>${inner}</code></pre></div>\n`;
    },
    table({ header, rows }) {
      const labels = header.map(({ tokens }) => escapeHtml(plainText(tokens).replace(/[^?]$/, "$&:")));
      const inner = (cell: Tokens.TableCell) => this.parser.parseInline(cell.tokens);
      const head = header.map((cell) => `<th>${inner(cell)}</th>`).join("");
      const body = rows.map(
        (cells) => `<tr>${cells.map((cell, i) => `<td data-label="${labels[i]}">${inner(cell)}</td>`).join("")}</tr>\n`,
      );
      const start = isWide(rows) ? '<table class="wide">' : "<table>";
      return `<div class="table" tabindex="0">${start}\n<thead><tr>${head}</tr></thead>\n<tbody>${body.join("")}</tbody>\n</table></div>\n`;
    },
    codespan({ text }) {
      const inner = `<code${NAME.test(text) ? ' class="name"' : ""}>${escapeHtml(text)}</code>`;
      // On GitHub, which does not serve these paths, they are plain code.
      const address = text.startsWith("/") ? toAddress(text) : null;
      return address === null ? inner : `<a href="${address}">${inner}</a>`;
    },
    link({ href, tokens }) {
      const address = toAddress(href);
      const inner = this.parser.parseInline(tokens);
      return address === null ? inner : `<a href="${escapeHtml(address)}">${inner}</a>`;
    },
    image: ({ href, text }) => `<img src="${escapeHtml(toAddress(href) ?? "")}" alt="${escapeHtml(text)}">`,
    // A box to tick on paper; an input without a label would be announced for each item.
    checkbox: () => `<span class="box" aria-hidden="true">☐</span> `,
    html({ text }) {
      if (text.startsWith("<!--")) return "";
      if (text === "<br>") return text;
      throw new Error(`The manual uses no HTML but comments and <br>, not ${text}`);
    },
  };
}

/** Escapes text for HTML, also within an attribute in double quotes. */
export const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** Returns the text of tokens without markup. */
function plainText(tokens: Token[]): string {
  return tokens.map(plainTextOf).join("");
}

function plainTextOf(token: Token): string {
  switch (token.type) {
    case "table":
      return [token.header, ...token.rows]
        .flatMap((row: Tokens.TableCell[]) => row.map(({ tokens }) => plainText(tokens)))
        .join(" ");
    case "list":
      return token.items.map(({ tokens }: Tokens.ListItem) => plainText(tokens)).join(" ");
    case "html":
    case "br":
    case "space":
      return " ";
    default:
      if ("tokens" in token && token.tokens !== undefined) return plainText(token.tokens);
      return "text" in token ? String(token.text) : "";
  }
}
