import { parseExactJson } from "../../protocol/exact-json.ts";
import { findUnsafeValue } from "../../protocol/validation.ts";
import { usageError } from "./command-error.ts";

/**
 * Parses JSON that a user has written.
 * @param name What it is, as the error names it.
 * @throws {SyntaxError} when it is not JSON.
 * @throws {CommandError} when it is unsafe to pass on: a number that JavaScript would change, a key such as `__proto__`, or
 *   nesting that is too deep.
 */
export function parseJsonInput(json: string, name: string): unknown {
  const value = parseExactJson(json);
  const unsafe = findUnsafeValue(value, name);
  if (unsafe) throw usageError(`${unsafe.field} ${unsafe.message}.`);
  return value;
}
