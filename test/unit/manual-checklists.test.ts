import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chapterText } from "../../src/site/manual/chapters.ts";
import { WALKS } from "../support/contributing-walks.ts";
import { ROOT } from "../support/documents.ts";

/** The checklists of the chapter "Contributing"; `test/chaos/contributing` follows them. */

describe.each(Object.entries(WALKS))("%s", (title, edits) => {
  test("the checklist links every file that has to change, and no other", () => {
    const [, section = ""] = chapterText("contributing").split(`### ${title}\n`);
    const steps = section.split(/^#/m)[0] ?? "";
    const linked = [...steps.matchAll(/^- \[ \] \[([^\]]+)\]/gm)].map(([, file]) => file);
    expect(linked).toEqual([...new Set(edits.map(({ file }) => file))]);
  });

  test("each line that the walk looks for is in its file once", () => {
    const isFound = ({ file, after }: (typeof edits)[number]) =>
      readFileSync(join(ROOT, file), "utf8").split(`${after}\n`).length === 2;
    expect(edits.filter((edit) => !isFound(edit)).map(({ file, after }) => `${file}: ${after}`)).toEqual([]);
  });
});
