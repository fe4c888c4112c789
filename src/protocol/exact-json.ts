/** JSON without silent changes to numbers: JavaScript keeps about 16 significant digits. */

/** Stands in a parsed document for a number that JavaScript would change. */
export class InexactNumber {}

/**
 * Matches texts that may contain such a number: up to 15 digits without an exponent always fit. A match inside a string
 * only costs time, because parsing with a reviver takes about four times as long.
 */
const MAY_BE_INEXACT = /(?:^|[:,[\s])-?\d(?:[\d.]*[eE]|[\d.]{15})/;
/** `toPrecision` returns at most 100 digits; a longer literal counts as inexact. */
const MAX_DIGITS = 100;
const MAX_LITERAL_LENGTH = 400;

/**
 * Parses JSON text like `JSON.parse`, with an `InexactNumber` in place of each number that a double does not keep.
 * A double written with more digits than it needs is kept: `0.10000000000000001` is 0.1. Integers beyond 2^53 and numbers
 * beyond any double are left to `findUnsafeValue`.
 * @throws {SyntaxError} when the text is not JSON, or nested too deeply to be checked.
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!MAY_BE_INEXACT.test(text)) return value;
  try {
    return parseWithSource(text, (_, item, { source = "" }) =>
      typeof item === "number" && Number.isFinite(item) && !isExact(source, item) ? new InexactNumber() : item,
    );
  } catch {
    // The stack is exhausted. A parser may limit the depth of nesting (RFC 8259, section 9).
    throw new SyntaxError("Nested too deeply");
  }
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
/** The context is part of ECMAScript 2026, but not yet of TypeScript's library. */
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;

/**
 * Returns whether a literal denotes the number: either as JavaScript writes it, or rounded to the literal's digits. Both
 * are checked, because they may round a tie differently.
 */
function isExact(literal: string, value: number): boolean {
  if (literal.length > MAX_LITERAL_LENGTH) return false;
  const digits = significantDigits(literal);
  if (digits === "" || value === 0) return digits === "" && value === 0;
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return true;
  if (significantDigits(String(value)) === digits) return true;
  return digits.length <= MAX_DIGITS && significantDigits(value.toPrecision(digits.length)) === digits;
}

/** Returns a literal's digits without sign, point and exponent, and without zeros at either end. */
function significantDigits(literal: string): string {
  const [mantissa = ""] = literal.toLowerCase().split("e");
  return mantissa.replace(/[-.]/g, "").replace(/^0+/, "").replace(/0+$/, "");
}
