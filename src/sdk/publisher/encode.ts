import { PublishError } from "./publish-error.ts";

/**
 * Encodes a value as JSON, or refuses it. `JSON.stringify` alone would silently change what JSON does not have: NaN and
 * an invalid date become null, a Map becomes {}, a function disappears. An object's undefined members are left out, as
 * JavaScript programs expect.
 * @param root The name of the value in the error, such as `data`.
 * @throws {PublishError} that names the field, for what JSON or its readers cannot carry without change.
 */
export function encode(value: unknown, root: string): string {
  /** The objects and arrays around the current value, outermost first. */
  const parents: { container: object; segment: string }[] = [];

  function check(this: unknown, key: string, item: unknown): unknown {
    while (parents.length > 0 && parents.at(-1)?.container !== this) parents.pop();
    const isElement = Array.isArray(this);
    const segment = parents.length === 0 ? root : isElement ? `[${key}]` : `.${key}`;
    // `item` is what `toJSON` made of the original.
    const original = (this as Record<string, unknown>)[key];
    const message = parents.some(({ container }) => container === item)
      ? notJson("contains itself")
      : (reasonAgainst(item, original, isElement) ?? reasonAgainst(key, key, false));
    if (message !== null) {
      const field = [...parents.map((parent) => parent.segment), segment].join("").replace(/^\./, "");
      throw invalidFields([{ field, message }]);
    }
    if (typeof item === "object" && item !== null) parents.push({ container: item, segment });
    return item;
  }

  try {
    return JSON.stringify(value, check);
  } catch (cause) {
    if (cause instanceof PublishError) throw cause;
    // A `toJSON` or a getter threw, or the nesting exhausts the stack. The cause's message may contain the event.
    throw invalidFields([{ field: root, message: notJson("its conversion fails") }], cause);
  }
}

/** Creates the error for fields that were refused before anything was sent. */
export function invalidFields(
  errors: readonly { field: string; message: string }[],
  cause?: unknown,
  reason = "validation_failed",
): PublishError {
  const shown = errors.slice(0, MAX_SHOWN_FIELDS).map(({ field, message }) => `${field}: ${message}`);
  if (errors.length > shown.length) shown.push(`and ${errors.length - shown.length} more`);
  return new PublishError(shown.join("; "), { type: `urn:tidings:problem:${reason}`, errors, cause });
}

const MAX_SHOWN_FIELDS = 10;

const notJson = (what: string) => `is not JSON (${what})`;

/** Returns why a value cannot be carried; null if it can. */
function reasonAgainst(item: unknown, original: unknown, isElement: boolean): string | null {
  switch (typeof item) {
    case "number":
      if (!Number.isFinite(item)) return notJson(String(item));
      if (!Number.isInteger(item) || Number.isSafeInteger(item)) return null;
      return "is an integer beyond 2^53, which JavaScript would change: send it as a string";
    case "string":
      // Some readers of JSON refuse it, others replace it (RFC 8259, section 8.2).
      return item.isWellFormed() ? null : notJson("half of a surrogate pair");
    case "undefined":
      return original === undefined && !isElement ? null : notJson("undefined");
    case "object":
      if (item !== null) return isContainer(item) ? null : notJson(tagOf(item));
      // Dates, and the date types of libraries, become null when they are invalid; their value is NaN.
      return original !== null && Number.isNaN(original?.valueOf()) ? notJson("an invalid date") : null;
    case "boolean":
      return null;
    default:
      return notJson(typeof item);
  }
}

/** False for objects whose content is not in their members: Map, Set, Promise, Error, a buffer … */
const isContainer = (item: object) => Array.isArray(item) || tagOf(item) === "Object";
const tagOf = (item: object) => Object.prototype.toString.call(item).slice("[object ".length, -1);
