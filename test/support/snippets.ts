/** The examples of README and manual: fenced code blocks. */

export interface Snippet {
  /** As the fence says it, such as `ts`; empty if it says nothing. */
  language: string;
  code: string;
}

/** Returns a document's examples, in order. */
export const snippetsOf = (markdown: string): Snippet[] =>
  [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", code = ""]) => ({ language, code }));

/**
 * Returns the file that a document prints, whose first line is a comment with its name.
 * @throws if the document does not print it.
 */
export function fileIn(markdown: string, name: string): string {
  const comments = [`# ${name}`, `// ${name}`, `<!-- ${name} -->`];
  const found = snippetsOf(markdown).find(({ code }) => comments.includes(code.split("\n")[0] ?? ""));
  if (found === undefined) throw new Error(`The document prints no file ${name}`);
  return found.code;
}
