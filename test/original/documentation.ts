import { readFileSync } from "node:fs";
import { join } from "node:path";

const text = readFileSync(join(import.meta.dirname, "documentation.md"), "utf8");

/** Returns the code under a heading of documentation.md. */
export function codeUnder(heading: string): string {
  const [, code] = new RegExp(`## ${heading}\n\n\`\`\`\\w+\n([\\s\\S]*?)\`\`\``).exec(text) ?? [];
  if (code === undefined) throw new Error(`documentation.md has no code under "${heading}"`);
  return code;
}
