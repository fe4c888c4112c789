import { isDeepStrictEqual } from "node:util";
import { isRecord } from "../../protocol/json.ts";
import { printable } from "../shared/printable.ts";

/** Compares what a service sent with what a file expects. */

/** A service did not do what a rule expects; the message is for its operator. */
export class BrokenRule extends Error {}

const TYPES: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  object: isRecord,
  array: Array.isArray,
  null: (value) => value === null,
};

const MAX_SHOWN_LENGTH = 300;
const TOKEN = /[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/g;

/** Returns a value as text for a message, without tokens or control characters. */
export function show(value: unknown): string {
  const text = printable(JSON.stringify(value) ?? "nothing").replace(TOKEN, "<token>");
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

/**
 * Compares a value with a pattern whose variables are filled in: objects may have more fields than the pattern, and an
 * object with a name that starts with `$` is an operator.
 * @param where Names the value in the message.
 * @param save Keeps a value under a variable's name.
 * @returns What is wrong, or null.
 */
export function mismatchOf(
  pattern: unknown,
  actual: unknown,
  where: string,
  save: (name: string, value: unknown) => void,
): string | null {
  const wrong = (expected: string) => `${where}: expected ${expected}, got ${show(actual)}`;
  if (Array.isArray(pattern)) {
    if (!Array.isArray(actual) || actual.length !== pattern.length) return wrong(show(pattern));
    return firstProblem(pattern.entries(), ([i, item]) => mismatchOf(item, actual[i], `${where}[${i}]`, save));
  }
  if (!isRecord(pattern)) {
    return isDeepStrictEqual(pattern, actual) ? null : wrong(show(pattern));
  }
  const members = Object.entries(pattern);
  if (members.some(([name]) => name.startsWith("$"))) {
    return firstProblem(members, ([operator, operand]) => problemWith(operator, operand, actual, wrong, save));
  }
  if (!isRecord(actual)) return wrong(show(pattern));
  const fields = new Map(Object.entries(actual));
  return firstProblem(members, ([name, field]) => mismatchOf(field, fields.get(name), `${where}.${name}`, save));
}

/** Applies an operator. Returns what is wrong, or null. */
function problemWith(
  operator: string,
  operand: unknown,
  actual: unknown,
  wrong: (expected: string) => string,
  save: (name: string, value: unknown) => void,
): string | null {
  switch (operator) {
    case "$save":
      if (actual === undefined) return wrong("a value");
      save(String(operand), actual);
      return null;
    case "$type":
      return TYPES[String(operand)]?.(actual) ? null : wrong(String(operand));
    case "$exactly":
      return isDeepStrictEqual(operand, actual) ? null : wrong(`exactly ${show(operand)}`);
    case "$not":
      return isDeepStrictEqual(operand, actual) ? wrong(`anything but ${show(operand)}`) : null;
    case "$absent":
      return actual === undefined ? null : wrong("nothing");
    default:
      throw new Error(`${operator} is not an operator`);
  }
}

function firstProblem<T>(items: Iterable<T>, check: (item: T) => string | null): string | null {
  for (const item of items) {
    const problem = check(item);
    if (problem !== null) return problem;
  }
  return null;
}
