import type * as z from "zod";

/**
 * Returns a schema of text or a list whose bounds are checked on nothing else. Zod also reads the `length` of values of
 * other types, and throws where it cannot be compared with a number: `{"length":{"toString":1}}`.
 */
export function safeLength<T extends z.ZodType>(schema: T): T {
  for (const { _zod: check } of schema.def.checks ?? []) {
    if (check.def.when) check.def.when = ({ value }) => typeof value === "string" || Array.isArray(value);
  }
  return schema;
}
