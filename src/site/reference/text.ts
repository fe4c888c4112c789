import type { CALL_SCHEMES, SOCKET_SCHEMES } from "../../edge/documents/access.ts";

/** Blocks of Markdown. */

export function table(headings: string[], rows: string[][]): string {
  // A column that would be empty is left out.
  const shown = headings.map((_, column) => rows.some((row) => row[column]));
  const line = (cells: string[]) =>
    `| ${cells
      .filter((_, column) => shown[column])
      .map(escapePipes)
      .join(" | ")} |`;
  return [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Returns the ways to authenticate. */
export const authenticationTable = (schemes: typeof CALL_SCHEMES | typeof SOCKET_SCHEMES): string =>
  table(
    ["name", "sent as", "meaning"],
    Object.entries(schemes).map(([name, scheme]) => [
      `\`${name}\``,
      scheme.type === "http" ? "`Authorization: Bearer …`" : `${scheme.in} \`${scheme.name}\``,
      scheme.description,
    ]),
  );

const escapePipes = (cell: string): string => cell.replaceAll("|", "\\|");

export const code = (value: unknown): string => `\`${JSON.stringify(value)}\``;

export const codeBlock = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;

export const jsonBlock = (value: unknown): string => codeBlock("json", JSON.stringify(value, null, 2));

/** Joins blocks; empty ones are left out. */
export const joinBlocks = (...parts: string[]): string => parts.filter(Boolean).join("\n\n");

/** Splits a document's description into what comes before its first heading, and the sections after. */
export function splitDescription(description: string): { intro: string; sections: string } {
  const [intro = "", ...sections] = description.split(/^(?=## )/m);
  return { intro: intro.trim(), sections: sections.join("") };
}

/** Returns the last step of a reference, such as `#/components/schemas/problem`. */
export const nameIn = (reference: string): string => reference.split("/").at(-1) ?? "";
