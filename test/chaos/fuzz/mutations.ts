import fc from "fast-check";

/** Inputs that are almost right: valid ones with changes of structure, or of single characters. */

const ODD_TEXTS = [
  "",
  "\u0000",
  "__proto__",
  "constructor",
  "toString",
  "\ud800",
  "\uffff",
  "NaN",
  "-0",
  "1e999",
  "null",
];
const ODD_VALUES: unknown[] = [
  ...[null, true, -1, 0, 0.5, -0, 1e15, 1e308, 2 ** 53, Number.MAX_SAFE_INTEGER, [], {}, [[]], [null]],
  ...ODD_TEXTS,
  { toString: 1 },
  { toJSON: 1 },
  { length: -1 },
  { length: { toString: 1 } },
  "x".repeat(9000),
  "\u{1f600}".repeat(200),
];

const oddValue = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...ODD_VALUES) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
);
const change = fc.record({
  /** Which of the value's members, counted through all levels. */
  at: fc.nat(40),
  kind: fc.constantFrom("replace" as const, "remove" as const, "rename" as const, "add" as const),
  value: oddValue,
});

/** Valid values, with up to three members replaced, removed, renamed or added at any level. */
export function nearlyValid<T>(examples: readonly T[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 1, arbitrary: oddValue.map((value) => structuredClone(value)) },
    {
      weight: 9,
      arbitrary: fc
        .tuple(fc.nat(examples.length - 1), fc.array(change, { maxLength: 3 }))
        .map(([index, changes]) => changes.reduce<unknown>(changed, structuredClone(examples[index]))),
    },
  );
}

function changed(root: unknown, { at, kind, value: shared }: { at: number; kind: string; value: unknown }): unknown {
  // Later changes may reach into it, and inputs share it.
  const value = structuredClone(shared);
  const members: [owner: Record<string, unknown>, name: string][] = [];
  const collect = (owner: unknown): void => {
    if (typeof owner !== "object" || owner === null) return;
    for (const name of Object.keys(owner)) {
      members.push([owner as Record<string, unknown>, name]);
      collect((owner as Record<string, unknown>)[name]);
    }
  };
  collect(root);
  const [owner, name] = members[at % Math.max(members.length, 1)] ?? [];
  if (!owner || name === undefined) return value;
  if (kind === "add") set(owner, typeof value === "string" ? value.slice(0, 40) : "extra", value);
  else if (kind === "replace") set(owner, name, value);
  else {
    const former = owner[name];
    if (Array.isArray(owner)) owner.splice(Number(name), 1);
    else delete owner[name];
    if (kind === "rename") set(owner, `${name}_`, former);
  }
  return root;
}

/** Defines a property whatever its name is, as `JSON.parse` does. */
function set(owner: object, name: string, value: unknown): void {
  if (Array.isArray(owner)) owner.push(value);
  else Object.defineProperty(owner, name, { value, enumerable: true, configurable: true, writable: true });
}

const PIECES = [
  "\u0000",
  "%",
  "%ZZ",
  "%00",
  "%ED%A0%80",
  ",",
  "&",
  "=",
  ".",
  "..",
  '"',
  "\\",
  "\\u",
  "{",
  "[",
  "]]]]",
  "\ud800",
];
const splice = fc.record({
  at: fc.nat(10_000),
  removed: fc.nat(6),
  inserted: fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: "binary", maxLength: 8 })),
});

/** Valid texts with up to four pieces removed or inserted, or cut off. */
export function nearlyValidText(examples: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
    {
      weight: 9,
      arbitrary: fc.tuple(fc.constantFrom(...examples), fc.array(splice, { maxLength: 4 })).map(([text, splices]) =>
        splices.reduce((rest, { at, removed, inserted }) => {
          const from = at % (rest.length + 1);
          return rest.slice(0, from) + inserted + rest.slice(from + removed);
        }, text),
      ),
    },
  );
}
