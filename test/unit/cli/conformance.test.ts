import { describe, expect, onTestFinished, test, vi } from "vitest";
import { RULE_FILES, readRules, SMOKE_FILE } from "../../../src/cli/conformance/format.ts";
import { mismatchOf, show } from "../../../src/cli/conformance/match.ts";
import { EVENTS } from "../../../src/protocol/events.ts";
import { KEY, SECRET, TestTerminal } from "./test-terminal.ts";

describe("the files of rules", () => {
  const files = RULE_FILES.map(readRules);

  test("have rules with different names", () => {
    for (const { rules } of files) expect(new Set(rules.map(({ rule }) => rule)).size).toBe(rules.length);
  });

  test("publish every type of the catalogue in the smoke test", () => {
    const published = readRules(SMOKE_FILE).rules.flatMap(({ steps }) =>
      steps.flatMap((step) => ("call" in step && step.status === 200 ? [step.body] : [])),
    );
    for (const type of Object.keys(EVENTS)) expect(published).toContainEqual(expect.objectContaining({ type }));
  });

  test("publish no product that a shop may have", () => {
    const calls = files.flatMap(({ rules, finally: last }) => [...rules.flatMap(({ steps }) => steps), ...last]);
    const published = calls.flatMap((step) =>
      "call" in step && step.status === 200 ? [JSON.stringify(step.body)] : [],
    );
    const ids = published.flatMap((body) => [...(body ?? "").matchAll(/"product_id":("[^"]*"|[^,}]*)/g)]);
    expect(ids.length).toBeGreaterThan(20);
    for (const [, id] of ids) expect(id).toMatch(/\{(run|integer\.\w+)\}/);
  });

  test("expect every close code that a client can provoke", () => {
    const codes = files.flatMap(({ rules }) =>
      rules.flatMap(({ steps }) => steps.flatMap((step) => ("closed" in step ? [step.code] : []))),
    );
    expect([...new Set(codes)].sort()).toEqual([4000, 4001, 4003, 4004, 4005]);
  });
});

test("a mistake in a file of rules is a fault of the program, not of the service", async () => {
  const parse = JSON.parse;
  const misreading = vi.spyOn(JSON, "parse").mockImplementation((text) => parse(text.replace('"rules":', '"ruels":')));
  onTestFinished(() => misreading.mockRestore());
  const terminal = new TestTerminal();
  await expect(terminal.run("smoke", "--key", KEY, "--secret", SECRET)).rejects.toThrow("ruels");
  expect(terminal.notes).toBe("");
});

describe("a value", () => {
  const saved: Record<string, unknown> = {};
  const compare = (pattern: unknown, actual: unknown) =>
    mismatchOf(pattern, actual, "it", (name, value) => {
      saved[name] = value;
    });

  test.each<[pattern: unknown, actual: unknown]>([
    [1, 1],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: [1, { b: null }] }, { a: [1, { b: null, c: 3 }] }],
    [{ $exactly: { a: 1 } }, { a: 1 }],
    [{ $type: "integer" }, 3],
    [{ a: { $absent: true } }, {}],
    [{ $not: 1 }, 2],
    [{ $save: "x", $type: "string" }, "kept"],
  ])("%j is matched by %j", (pattern, actual) => expect(compare(pattern, actual)).toBeNull());

  test.each<[pattern: unknown, actual: unknown]>([
    [1, "1"],
    [{ a: 1 }, { b: 1 }],
    [[1], [1, 2]],
    [{ $exactly: { a: 1 } }, { a: 1, b: 2 }],
    [{ $type: "integer" }, 3.5],
    [{ a: { $absent: true } }, { a: null }],
    [{ $not: 1 }, 1],
    [{ a: { $save: "y" } }, {}],
    [{ toString: {} }, {}],
  ])("%j is not matched by %j", (pattern, actual) => expect(compare(pattern, actual)).toContain("expected"));

  test("is saved", () => expect(saved).toEqual({ x: "kept" }));

  test("is shown without tokens", () =>
    expect(show({ token: `${"a".repeat(20)}.${"b".repeat(20)}.${"c".repeat(20)}` })).toBe('{"token":"<token>"}'));

  test("is shown without control characters, which a terminal might obey", () =>
    expect(show(["\u001b[2J\u009b2J"])).toBe('["\\u001b[2J\\u009b2J"]'));
});
