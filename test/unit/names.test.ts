import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";

/**
 * One name has one meaning: a name that a reader has learned in one file means the same in every other. So a name that
 * two files declare at top level needs a reason here, or another name.
 */

const root = join(import.meta.dirname, "../..");
const sources = Object.fromEntries(
  globSync("src/**/*.{ts,tsx}", { cwd: root, exclude: ["**/*.d.ts"] }).map((file) => [
    relative("src", file),
    readFileSync(join(root, file), "utf8"),
  ]),
);

interface Shared {
  /** Why the name means the same in each file. */
  reason: string;
  names: string[];
  /** Files or folders that may declare the names; everywhere if absent. */
  within?: string[];
  /** Whether the names may be exported. A private constant is read beside its value. */
  mayExport: boolean;
}

const SHARED: Shared[] = [
  {
    reason: "How long the file's own calls may take, and the back-off between its own retries",
    names: ["TIMEOUT_MS", "BASE_BACKOFF_MS", "MAX_BACKOFF_MS"],
    mayExport: false,
  },
  {
    reason: "The entry of the browser's storage that the file owns",
    names: ["STORAGE_KEY"],
    within: ["site/demo/page/"],
    mayExport: false,
  },
  {
    reason: "The examples in a command's help",
    names: ["EXAMPLES"],
    within: ["cli/"],
    mayExport: false,
  },
  {
    reason: "One API for two frameworks",
    names: ["useFeed", "useOrderUpdates", "useProductUpdates"],
    within: ["sdk/hooks/react.ts", "sdk/hooks/vue.ts"],
    mayExport: true,
  },
  {
    reason: "The same product filter at both ends of the socket; the SDK loads none of the service's code",
    names: ["ProductFilter"],
    within: ["sdk/connection/product-filter.ts", "channels/listeners/product-filter.ts"],
    mayExport: true,
  },
  {
    reason: "The same parts of the SDK's two state machines, a connection's and a tab's",
    names: ["NO_DEADLINES", "TRANSITIONS"],
    within: ["sdk/connection/", "sdk/tabs/"],
    mayExport: true,
  },
  {
    reason: "The same answer; the publisher's type lets `const { seq } = …` compile",
    names: ["Queued"],
    within: ["sdk/publisher/events.ts", "protocol/publish-call.ts"],
    mayExport: true,
  },
  {
    reason: "The same messages at both ends of the socket; the service's type needs zod, which pages do not load",
    names: ["ClientMessage"],
    within: ["sdk/connection/draft.ts", "protocol/client-messages.ts"],
    mayExport: true,
  },
  {
    reason: "Makes the result of an event that was rejected",
    names: ["rejected"],
    within: ["sdk/publisher/", "edge/routes/publish-batch.ts"],
    mayExport: false,
  },
];

interface Declaration {
  file: string;
  isExported: boolean;
}

const DECLARATION =
  /^(export )?(?:default )?(?:declare )?(?:abstract )?(?:async )?(?:const|let|var|function\*?|class|interface|type|enum) (\w+)/gm;
/** Matches `const { a, b: c } = …` and `const [a, b] = …`. */
const DESTRUCTURING = /^(export )?(?:const|let|var) [{[]([^\]}]+)[\]}] =/gm;

/** Returns the names that a module declares at top level. */
function declarationsIn(source: string): { name: string; isExported: boolean }[] {
  const destructured = [...source.matchAll(DESTRUCTURING)].flatMap(([, exported, list = ""]) =>
    // `a`, `b: c`, `d = 1` and `...e` declare a, c, d and e.
    [...list.matchAll(/(\w+)\s*(?:=[^,]*)?(?:,|$)/g)].map(([, name = ""]) => ({
      name,
      isExported: exported !== undefined,
    })),
  );
  const others = [...source.matchAll(DECLARATION)].map(([, exported, name = ""]) => ({
    name,
    isExported: exported !== undefined,
  }));
  return [...destructured, ...others];
}

/** Returns the top-level names that more than one file declares. */
function repeatedNames(files: Record<string, string>): Map<string, Declaration[]> {
  const names = new Map<string, Declaration[]>();
  for (const [file, source] of Object.entries(files)) {
    for (const { name, isExported } of declarationsIn(source)) {
      const others = (names.get(name) ?? []).filter((other) => other.file !== file);
      names.set(name, [...others, { file, isExported }]);
    }
  }
  return new Map([...names].filter(([, declarations]) => declarations.length > 1));
}

function isAllowed(name: string, { file, isExported }: Declaration): boolean {
  return SHARED.some(
    ({ names, within = [""], mayExport }) =>
      names.includes(name) && within.some((path) => file.startsWith(path)) && (mayExport || !isExported),
  );
}

/** Returns the repeated names that no reason covers, each with its files. */
const secondMeanings = (files: Record<string, string>): string[] =>
  [...repeatedNames(files)]
    .filter(([name, declarations]) => !declarations.every((declaration) => isAllowed(name, declaration)))
    .map(([name, declarations]) => `${name}: ${declarations.map(({ file }) => file).join(", ")}`);

describe("names", () => {
  test("no top-level name has two meanings", () => expect(secondMeanings(sources)).toEqual([]));

  test("each name with a reason is declared in more than one file", () => {
    const repeated = repeatedNames(sources);
    expect(SHARED.flatMap(({ names }) => names).filter((name) => !repeated.has(name))).toEqual([]);
  });

  test.each([
    ["a second class", "edge/seeded.ts", "export class ServiceClient {}", "ServiceClient"],
    ["a private function", "cli/seeded.ts", "async function deliverToChannel() {}", "deliverToChannel"],
    ["a type named as a public one", "site/seeded.tsx", "interface OrderSnapshot {}", "OrderSnapshot"],
    ["a property", "cli/seeded.ts", "const { a,\n  ServiceClient } = {};", "ServiceClient"],
    ["a renamed property", "cli/seeded.ts", "const { a, b: ServiceClient = 1 } = {};", "ServiceClient"],
    ["an item of a list", "cli/seeded.ts", "const [, ServiceClient] = [];", "ServiceClient"],
    ["a shared name where its reason does not hold", "edge/seeded.ts", "const EXAMPLES = 1;", "EXAMPLES"],
    ["an export of a name that is shared in private", "cli/seeded.ts", "export const TIMEOUT_MS = 1;", "TIMEOUT_MS"],
  ])("a second meaning is found: %s", (_, file, source, name) => {
    const found = secondMeanings({ ...sources, [file]: source });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^${name}: .*${file}`));
  });
});
