import type * as z from "zod";
import { InexactNumber } from "./exact-json.ts";
import { MAX_JSON_DEPTH } from "./publish-call.ts";
import type { FieldError } from "./refusals.ts";

/** Checks of untrusted values. Failures name every bad field. */

/** The checked value, or what is wrong with it. */
export type Checked<T> = { ok: true; value: T } | { ok: false; errors: FieldError[] };

/** Checks a value against a schema. Field names start with `prefix`, if given. */
export function check<T>(schema: z.ZodType<T>, value: unknown, prefix = ""): Checked<T> {
  const result = schema.safeParse(value, { error: describeIssue });
  if (result.success) return { ok: true, value: result.data };
  const errors = result.error.issues.flatMap((issue): FieldError[] => {
    const field = fieldName([...(prefix ? [prefix] : []), ...issue.path]);
    if (issue.code !== "unrecognized_keys") return [{ field, message: issue.message }];
    return issue.keys.map((key) => ({
      field: field === "body" ? key : `${field}.${key}`,
      message: "is not a known field",
    }));
  });
  return { ok: false, errors };
}

/** What a value must be, in the words of JSON. */
const EXPECTED: Partial<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "an integer",
  number: "a number",
  object: "an object",
  record: "an object",
  string: "text",
};

/** Describes the faults that publishers make most, where the schema does not. Returns undefined for zod's own words. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type") {
    return issue.input === undefined ? "is missing" : `must be ${EXPECTED[issue.expected] ?? issue.expected}`;
  }
  if (issue.code === "too_small" && issue.origin === "number") return `must be at least ${issue.minimum}`;
  return undefined;
}

function fieldName(path: PropertyKey[]): string {
  if (path.length === 0) return "body";
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`))
    .join("");
}

/**
 * Finds the first value that is valid JSON but unsafe to pass on: a key that reaches an object's prototype in careless
 * code, a number that JavaScript would silently change, or nesting that could exhaust a parser's stack.
 */
export function findUnsafeValue(value: unknown, field: string, depth = 1): FieldError | null {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return { field, message: "is too large for a number" };
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      return { field, message: "is an integer beyond 2^53, which JavaScript would change: send it as a string" };
    }
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  if (value instanceof InexactNumber) {
    return {
      field,
      message: "has more digits than a number holds, so JavaScript would change it: send it as a string",
    };
  }
  if (depth > MAX_JSON_DEPTH) return { field, message: `is nested deeper than ${MAX_JSON_DEPTH} levels` };
  for (const [key, item] of Object.entries(value)) {
    const name = Array.isArray(value) ? `${field}[${key}]` : `${field}.${key}`;
    if (key === "__proto__" || key === "constructor" || key === "prototype") {
      return { field: name, message: "is not an allowed key" };
    }
    const found = findUnsafeValue(item, name, depth + 1);
    if (found) return found;
  }
  return null;
}
